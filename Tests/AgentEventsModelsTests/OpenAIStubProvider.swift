import AgentEvents
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A provider that answers as its test says, byte by byte.
final class StubProvider: Sendable {
    struct Request: Sendable {
        /// `POST /v1/chat/completions HTTP/1.1`.
        var line = ""
        /// By their names in lower case.
        var headers: [String: String] = [:]
        var body = JSONValue.null
    }

    /// Opens once; those who ask before wait.
    final class Signal: Sendable {
        private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

        func open() {
            let waiters = state.withLock { state in
                defer { state = (true, []) }
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
        }

        func wait() async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if !state.isOpen { state.waiters.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }
    }

    /// What a provider does on its connection.
    enum Step: Sendable {
        case head
        case event(String)
        case raw(String)
        case end
        case hangUp
    }

    /// The answer to one request, under the control of the test.
    struct Answer: Sendable {
        /// The number of the request, from 0.
        let number: Int
        let request: Request
        fileprivate let channel: any Channel

        /// Returns when the kernel has it.
        func raw(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }

        func head(_ status: Int = 200, _ headers: [String] = ["Content-Type: text/event-stream"]) async throws {
            let lines = ["HTTP/1.1 \(status) Status"] + headers + ["Transfer-Encoding: chunked", "", ""]
            try await raw(lines.joined(separator: "\r\n"))
        }

        func chunk(_ text: String) async throws {
            try await raw("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
        }

        func event(_ data: String) async throws { try await chunk("data: \(data)\n\n") }
        func end() async throws { try await raw("0\r\n\r\n") }

        /// A stream that is whole.
        func stream(_ events: [String]) async throws {
            try await head()
            for event in events { try await self.event(event) }
            try await end()
        }

        func whole(_ status: Int, _ headers: [String] = [], _ body: String) async throws {
            let lines = ["HTTP/1.1 \(status) Status"] + headers + ["Content-Length: \(body.utf8.count)", "", body]
            try await raw(lines.joined(separator: "\r\n"))
        }

        func play(_ steps: [Step]) async throws {
            for step in steps {
                switch step {
                case .head: try await head()
                case .event(let data): try await event(data)
                case .raw(let text): try await raw(text)
                case .end: try await end()
                case .hangUp: try await hangUp()
                }
            }
        }

        func hangUp() async throws { try await channel.close() }
        /// Until the client has closed the connection.
        func waitForClose() async throws { try await channel.closeFuture.get() }
    }

    typealias Script = @Sendable (Answer) async throws -> Void

    private let received = Mutex<[Request]>([])
    private let connections = Mutex<(all: [any Channel], areOver: Bool)>(([], false))
    private let asked: AsyncStream<Answer>.Continuation

    private init(_ asked: AsyncStream<Answer>.Continuation) { self.asked = asked }

    /// All requests, in the order in which they came.
    var requests: [Request] { received.withLock { $0 } }
    /// The number of connections that were made.
    var connectionCount: Int { connections.withLock { $0.all.count } }

    /// Listens on a free port of this machine for the length of a scope.
    ///
    /// - Parameter body: gets the address for a model.
    static func run<Result: Sendable>(
        _ script: @escaping Script, _ body: (_ provider: StubProvider, _ url: String) async throws -> Result
    ) async throws -> Result {
        let (answers, asked) = AsyncStream.makeStream(of: Answer.self)
        let provider = StubProvider(asked)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.socketOption(.so_sndbuf), value: 64 << 10)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RequestReader(provider))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withDiscardingTaskGroup { group in
                    for await answer in answers {
                        // A client that goes away is no error of this end.
                        group.addTask { try? await script(answer) }
                    }
                }
            }
            let result: Result
            do {
                result = try await body(provider, "http://127.0.0.1:\(port)/v1")
            } catch {
                provider.close(server)
                throw error
            }
            provider.close(server)
            try await group.waitForAll()
            return result
        }
    }

    private func close(_ server: any Channel) {
        server.close(promise: nil)
        let open = connections.withLock { connections in
            connections.areOver = true
            return connections.all
        }
        for channel in open { channel.close(promise: nil) }
        asked.finish()
    }

    fileprivate func accept(_ channel: any Channel) {
        let areOver = connections.withLock { connections in
            connections.all.append(channel)
            return connections.areOver
        }
        if areOver { channel.close(promise: nil) }
    }

    fileprivate func receive(_ request: Request, on channel: any Channel) {
        let number = received.withLock { received in
            received.append(request)
            return received.count - 1
        }
        asked.yield(Answer(number: number, request: request, channel: channel))
    }
}

private final class RequestReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let provider: StubProvider
    private var buffer = ByteBuffer()

    init(_ provider: StubProvider) { self.provider = provider }

    func channelActive(context: ChannelHandlerContext) { provider.accept(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        buffer.writeImmutableBuffer(unwrapInboundIn(data))
        while let request = try? Self.request(in: &buffer) { provider.receive(request, on: context.channel) }
    }

    /// - Returns: `nil` when it is not whole.
    private static func request(in buffer: inout ByteBuffer) throws -> StubProvider.Request? {
        let bytes = buffer.readableBytesView
        let separator = Array("\r\n\r\n".utf8)
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: separator) }) else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        var request = StubProvider.Request(line: String(lines.first ?? ""))
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            guard pair.count == 2 else { continue }
            request.headers[pair[0].lowercased()] = String(pair[1].drop { $0 == " " })
        }
        let body = bytes[(end + separator.count)...]
        let size = Int(request.headers["content-length"] ?? "") ?? 0
        guard body.count >= size else { return nil }
        request.body = try JSONValue(parsing: Array(body.prefix(size)))
        buffer.moveReaderIndex(forwardBy: end - bytes.startIndex + separator.count + size)
        return request
    }
}
