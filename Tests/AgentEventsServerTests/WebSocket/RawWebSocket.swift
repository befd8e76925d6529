import AgentEvents
import NIOCore
import NIOPosix
import Testing

/// A small WebSocket client of its own, frame by frame: it answers nothing by itself, and reads only when it is asked to.
final class RawWebSocket {
    enum Frame: Hashable, Sendable {
        case text(String)
        case ping
        case pong
        case close(code: UInt16, reason: String)

        /// The close of a service that stops.
        ///
        /// - Parameter drain: the announcement, which says when to come back as well.
        static func goingAway(after drain: JSONValue) -> Frame {
            .close(code: 1001, reason: "reconnect_after_ms=\(drain["reconnect_in_ms"]?.integerValue ?? -1)")
        }
    }

    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var buffer = ByteBuffer()
    private let loop: any EventLoop

    fileprivate init(
        loop: any EventLoop,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    ) {
        self.loop = loop
        self.outbound = outbound
        self.inbound = inbound
    }

    // MARK: Sending

    func send(_ text: String) async throws { try await send(opcode: 0x1, Array(text.utf8)) }

    /// Returns when what was sent has gone to the socket, or waits because the socket takes no more: the next call of
    /// ``send(_:)`` then waits too. A loop that had no turn yet takes any amount.
    func waitForLoop() async throws { try await loop.submit {}.get() }

    func sendPong() async throws { try await send(opcode: 0xA, []) }

    func sendPing() async throws { try await send(opcode: 0x9, []) }

    func sendClose() async throws { try await send(opcode: 0x8, [0x03, 0xE8]) }

    /// Sends several messages with one write.
    func send(together texts: [String]) async throws {
        var frames = ByteBuffer()
        for text in texts { frames.writeImmutableBuffer(Self.frame(opcode: 0x1, Array(text.utf8))) }
        try await outbound.write(frames)
    }

    private func send(opcode: UInt8, _ payload: [UInt8]) async throws {
        try await outbound.write(Self.frame(opcode: opcode, payload))
    }

    private static func frame(opcode: UInt8, _ payload: [UInt8]) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(0x80 | opcode)
        if payload.count < 126 {
            frame.writeInteger(0x80 | UInt8(payload.count))
        } else {
            frame.writeInteger(0x80 | 126 as UInt8)
            frame.writeInteger(UInt16(payload.count))
        }
        // A mask of zeros leaves the payload as it is.
        frame.writeInteger(0 as UInt32)
        frame.writeBytes(payload)
        return frame
    }

    // MARK: Receiving

    /// The next frame; `nil` when the connection is gone.
    func next() async throws -> Frame? {
        while true {
            if let frame = takeFrame() { return frame }
            guard let part = try await inbound.next(isolation: #isolation) else { return nil }
            buffer.writeImmutableBuffer(part)
            buffer.discardReadBytes()
        }
    }

    /// The next message as JSON; pings are passed over.
    func message() async throws -> JSONValue {
        while true {
            switch try await next() {
            case .text(let text):
                let json = try JSONValue(parsing: Array(text.utf8))
                if json["op"] != "ping" { return json }
            case .ping, .pong: break
            case let other:
                Issue.record("no message but \(String(describing: other))")
                throw CancellationError()
            }
        }
    }

    /// The next message with an op, and the events before it.
    func messages(until op: String) async throws -> (events: [JSONValue], message: JSONValue) {
        var events: [JSONValue] = []
        while true {
            let message = try await message()
            if message["op"]?.stringValue == op { return (events, message) }
            events.append(message)
        }
    }

    /// The next message, which is an event.
    func event() async throws -> AgentEvent { try EventDecoder.decode(try await message().encoded()) }

    /// The next events up to the end of a run.
    func eventsToTheEnd() async throws -> [AgentEvent] {
        var events: [AgentEvent] = []
        while events.last?.type?.endsRun != true { events.append(try await event()) }
        return events
    }

    /// The next frame; `nil` when the connection is gone, also when it was reset.
    func nextUnlessReset() async throws -> Frame? {
        do {
            return try await next()
        } catch is IOError {
            return nil
        }
    }

    /// Reads on until the server closes.
    ///
    /// - Returns: `nil` when it does so without a close frame.
    func close() async throws -> Frame? {
        while let frame = try await nextUnlessReset() {
            if case .close = frame { return frame }
        }
        return nil
    }

    private func takeFrame() -> Frame? {
        var rest = buffer
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else {
            return nil
        }
        var count = Int(second)
        if second == 126 {
            guard let length = rest.readInteger(as: UInt16.self) else { return nil }
            count = Int(length)
        } else if second == 127 {
            guard let length = rest.readInteger(as: UInt64.self) else { return nil }
            count = Int(length)
        }
        guard var payload = rest.readSlice(length: count) else { return nil }
        buffer = rest
        switch first {
        case 0x88:
            let code = payload.readInteger(as: UInt16.self) ?? 0
            return .close(code: code, reason: String(buffer: payload))
        case 0x89: return .ping
        case 0x8A: return .pong
        default: return .text(String(buffer: payload))
        }
    }
}

extension RunningService {
    /// Opens a WebSocket for the length of a scope.
    ///
    /// - Parameters:
    ///   - receiveBufferByteCount: how much the kernel takes for a client that does not read.
    ///   - beginning: what stands before the request: the header of a proxy.
    func withWebSocket<Result>(
        receiveBufferByteCount: Int? = nil,
        beginning: String = "",
        headers: [String: String] = [:],
        _ body: (RawWebSocket) async throws -> Result
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
            let fields = [
                "Host": "127.0.0.1:\(client.port)", "Upgrade": "websocket", "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            ].merging(headers) { $1 }
            let lines = ["GET /v1/stream HTTP/1.1"] + fields.map { "\($0.key): \($0.value)" }
            try await outbound.write(ByteBuffer(string: beginning + lines.joined(separator: "\r\n") + "\r\n\r\n"))
            let socket = RawWebSocket(
                loop: channel.channel.eventLoop, outbound: outbound, inbound: inbound.makeAsyncIterator())
            try await socket.skipHead()
            return try await body(socket)
        }
    }

    /// Asks until the subscribers of a thread are as they should be; each question lets the service go on.
    func waitForSubscribers(
        of thread: ThreadID,
        headers: [String: String] = [:],
        _ condition: ([JSONValue]) -> Bool
    ) async throws {
        while true {
            let answer = try await client.get("/v1/threads/\(thread)/subscribers", headers: headers)
            if condition(try answer.json["subscribers"]?.arrayValue ?? []) { return }
        }
    }
}

extension RawWebSocket {
    fileprivate func skipHead() async throws {
        let separator = Array("\r\n\r\n".utf8)
        while true {
            let bytes = buffer.readableBytesView
            if let end = bytes.firstRange(of: separator) {
                let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                try #require(head.hasPrefix("HTTP/1.1 101"), "\(head)")
                buffer.moveReaderIndex(to: end.upperBound)
                return
            }
            let part = try #require(try await inbound.next(isolation: #isolation), "closed during the upgrade")
            buffer.writeImmutableBuffer(part)
        }
    }
}
