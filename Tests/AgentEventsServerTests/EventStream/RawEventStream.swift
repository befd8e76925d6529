import AgentEvents
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Reads server-sent events by the letter of the HTML standard (9.2.6), in whatever pieces they come.
struct EventStreamParser {
    enum Piece: Hashable, Sendable {
        case comment(String)
        case retry(Int64)
        /// - Parameters:
        ///   - id: the one that came with it; `nil` for none.
        ///   - lastEventID: the one that a page has after it.
        case message(name: String, id: String?, lastEventID: String, data: String)
    }

    private var line: [UInt8] = []
    private var endedWithReturn = false
    private var data: [String] = []
    private var name = ""
    private var id: String?
    private(set) var lastEventID = ""

    mutating func feed(_ bytes: some Sequence<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        for byte in bytes {
            defer { endedWithReturn = byte == 0x0D }
            switch byte {
            case 0x0A where endedWithReturn: break
            case 0x0A, 0x0D:
                if let piece = take(String(decoding: line, as: UTF8.self)) { pieces.append(piece) }
                line = []
            default: line.append(byte)
            }
        }
        return pieces
    }

    private mutating func take(_ line: String) -> Piece? {
        if line.isEmpty { return dispatch() }
        if line.hasPrefix(":") { return .comment(String(line.dropFirst().drop { $0 == " " })) }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var value = parts.count > 1 ? String(parts[1]) : ""
        if value.hasPrefix(" ") { value.removeFirst() }
        switch String(parts[0]) {
        case "data": data.append(value)
        case "event": name = value
        case "id":
            lastEventID = value
            id = value
        case "retry": return Int64(value).map { .retry($0) }
        default: Issue.record("there is no such field: \(line)")
        }
        return nil
    }

    private mutating func dispatch() -> Piece? {
        defer { (data, name, id) = ([], "", nil) }
        guard !data.isEmpty else { return nil }
        return .message(name: name, id: id, lastEventID: lastEventID, data: data.joined(separator: "\n"))
    }
}

/// A small client of server-sent events of its own, which reads only when it is asked to.
final class RawEventStream {
    /// A message, as a page gets it.
    struct Message: Sendable {
        let id: String?
        let lastEventID: String
        let data: String
        let json: JSONValue

        var operation: String? { json["op"]?.stringValue }
        var sequence: Int64? { json["seq"]?.integerValue }
    }

    let status: Int
    /// By their names in lower case.
    let headers: [String: String]
    /// Those that have come so far.
    private(set) var comments: [String] = []
    private(set) var retries: [Int64] = []
    /// Whether the answer has come to its end, and was not cut off.
    private(set) var isWhole = false
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var buffer: ByteBuffer
    private var parser = EventStreamParser()
    private var pieces: [EventStreamParser.Piece] = []

    fileprivate init(
        _ head: (status: Int, headers: [String: String]),
        _ rest: ByteBuffer,
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    ) {
        (status, headers, buffer) = (head.status, head.headers, rest)
        self.inbound = inbound
    }

    /// The next piece of the stream; `nil` at its end.
    func piece() async throws -> EventStreamParser.Piece? {
        while pieces.isEmpty {
            while let chunk = takeChunk() { pieces += parser.feed(chunk) }
            guard pieces.isEmpty, !isWhole else { break }
            let part: ByteBuffer?
            do {
                part = try await inbound.next(isolation: #isolation)
            } catch is IOError {
                part = nil
            }
            guard let part else { return nil }
            buffer.writeImmutableBuffer(part)
            buffer.discardReadBytes()
        }
        guard !pieces.isEmpty else { return nil }
        let piece = pieces.removeFirst()
        switch piece {
        case .comment(let text): comments.append(text)
        case .retry(let milliseconds): retries.append(milliseconds)
        case .message: break
        }
        return piece
    }

    /// The next message; `nil` at the end.
    func next() async throws -> Message? {
        while let piece = try await piece() {
            guard case .message(let name, let id, let lastEventID, let data) = piece else { continue }
            // A page would not get to see it.
            #expect(name == "")
            return Message(
                id: id, lastEventID: lastEventID, data: data, json: try JSONValue(parsing: Array(data.utf8)))
        }
        return nil
    }

    func message() async throws -> Message {
        let message = try await next()
        return try #require(message, "the stream has ended: \(comments)")
    }

    /// The next message with an op, and those before it.
    func messages(until operation: String) async throws -> (before: [Message], message: Message) {
        var before: [Message] = []
        while true {
            let message = try await message()
            if message.operation == operation { return (before, message) }
            before.append(message)
        }
    }

    /// This number of further events.
    func events(_ count: Int) async throws -> [Message] {
        var events: [Message] = []
        while events.count < count {
            let message = try await message()
            if message.sequence != nil { events.append(message) }
        }
        return events
    }

    /// What comes to the end.
    func rest() async throws -> [Message] {
        var messages: [Message] = []
        while let message = try await next() { messages.append(message) }
        return messages
    }

    /// The body of an answer that is no stream.
    func body() async throws -> String {
        let count = headers["content-length"].flatMap { Int($0) } ?? 0
        while buffer.readableBytes < count, let part = try await inbound.next(isolation: #isolation) {
            buffer.writeImmutableBuffer(part)
        }
        return String(buffer: buffer)
    }

    private func takeChunk() -> [UInt8]? {
        var rest = buffer
        let bytes = rest.readableBytesView
        guard !isWhole, let end = bytes.firstRange(of: Array("\r\n".utf8)) else { return nil }
        guard let size = Int(String(decoding: bytes[..<end.lowerBound], as: UTF8.self), radix: 16) else { return nil }
        rest.moveReaderIndex(to: end.upperBound)
        guard let chunk = rest.readBytes(length: size), rest.readSlice(length: 2) != nil else { return nil }
        buffer = rest
        isWhole = size == 0
        return chunk
    }
}

extension RunningService {
    /// Opens a stream of events for the length of a scope.
    ///
    /// - Parameters:
    ///   - before: the requests that are sent before it, without waiting; their answers are passed over.
    ///   - receiveBufferByteCount: how much the kernel takes for a client that does not read.
    func withEventStream<Result>(
        _ path: String,
        headers: [String: String] = [:],
        before: [String] = [],
        receiveBufferByteCount: Int? = nil,
        _ body: (RawEventStream) async throws -> Result
    ) async throws -> Result {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.minutes(5))
        if let count = receiveBufferByteCount {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(count))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: client.port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            let fields = ["Host": "127.0.0.1:\(client.port)", "Accept": "text/event-stream"].merging(headers) { $1 }
            let lines = ["GET \(path) HTTP/1.1"] + fields.map { "\($0.key): \($0.value)" }
            try await outbound.write(ByteBuffer(string: before.joined() + lines.joined(separator: "\r\n") + "\r\n\r\n"))
            var iterator = inbound.makeAsyncIterator()
            var buffer = ByteBuffer()
            var head: (status: Int, headers: [String: String])?
            while head == nil {
                let part = try #require(try await iterator.next(isolation: #isolation), "closed without an answer")
                buffer.writeImmutableBuffer(part)
                head = try Self.takeHead(of: &buffer, after: before.count)
            }
            return try await body(RawEventStream(try #require(head), buffer, iterator))
        }
    }

    /// - Parameter count: how many whole answers are before it.
    private static func takeHead(
        of buffer: inout ByteBuffer,
        after count: Int
    ) throws -> (status: Int, headers: [String: String])? {
        var rest = buffer
        for _ in 0..<count {
            guard let head = try takeHead(of: &rest) else { return nil }
            let length = head.headers["content-length"].flatMap { Int($0) } ?? 0
            guard rest.readSlice(length: length) != nil else { return nil }
        }
        guard let head = try takeHead(of: &rest) else { return nil }
        buffer = rest
        return head
    }

    private static func takeHead(of buffer: inout ByteBuffer) throws -> (status: Int, headers: [String: String])? {
        guard let end = buffer.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let text = String(decoding: buffer.readableBytesView[..<end.lowerBound], as: UTF8.self)
        buffer.moveReaderIndex(to: end.upperBound)
        var lines = text.split(separator: "\r\n")
        let status = try #require(Int(lines.removeFirst().split(separator: " ")[1]))
        var headers: [String: String] = [:]
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        return (status, headers)
    }
}

/// Bytes to and from a server, as they are.
enum RawExchange {
    /// Sends a text, and reads until there is enough, or to the end of the connection, however that comes.
    ///
    /// - Parameters:
    ///   - endsSending: whether nothing further is sent, which the server is told.
    ///   - receiveBufferByteCount: how much the kernel takes for a client that does not read.
    ///   - beforeReading: what happens while the client does not read.
    static func run(
        port: Int,
        _ request: String,
        endsSending: Bool = false,
        receiveBufferByteCount: Int? = nil,
        beforeReading: () async throws -> Void = {},
        until isEnough: (String) -> Bool = { _ in false }
    ) async throws -> String {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.minutes(5))
        if let count = receiveBufferByteCount {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(count))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                    wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
            }
        }
        let answer = Mutex("")
        do {
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: request))
                if endsSending { outbound.finish() }
                try await beforeReading()
                for try await part in inbound {
                    let text = answer.withLock { answer in
                        answer += String(buffer: part)
                        return answer
                    }
                    if isEnough(text) { break }
                }
            }
        } catch is IOError {
            // Reset, since what was sent was not read.
        } catch is ChannelError {
            // Closed before all was sent.
        }
        return answer.withLock { $0 }
    }
}
