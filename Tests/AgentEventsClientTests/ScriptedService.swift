import AgentEvents
import AgentEventsClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// A service that does what a test says, connection by connection, well-behaved or not.
struct ScriptedService {
    typealias StreamChannel = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// One accepted connection.
    final class Connection {
        private var inbound: NIOAsyncChannelInboundStream<WebSocketFrame>.AsyncIterator
        /// Sends, from any task.
        let sender: Sender

        init(
            _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>,
            _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>,
            _ channel: any Channel
        ) {
            self.inbound = inbound.makeAsyncIterator()
            sender = Sender(outbound: outbound, channel: channel)
        }

        /// The next frame of the client; `nil` when it has left.
        func receive() async throws -> WebSocketFrame? { try await inbound.next(isolation: #isolation) }

        /// Returns when the client has left.
        func hold() async throws {
            while try await receive() != nil {}
        }

        /// The next text message of the client; `nil` when it has left.
        func receiveMessage() async throws -> JSONValue? {
            while let frame = try await receive() {
                guard frame.opcode == .text else { continue }
                return try JSONValue(parsing: Array(frame.unmaskedData.readableBytesView))
            }
            return nil
        }

        func send(_ text: String) async throws { try await sender.send(text) }

        func send(_ message: JSONValue, request: JSONValue?) async throws {
            try await sender.send(message, request: request)
        }

        func close(_ code: Int, reason: String = "") async throws { try await sender.close(code, reason: reason) }
    }

    struct Sender: Sendable {
        let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
        let channel: any Channel

        func send(_ text: String) async throws {
            try await outbound.write(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text)))
        }

        /// Sends the answer to a request.
        func send(_ message: JSONValue, request: JSONValue?) async throws {
            var members = message.objectValue ?? [:]
            members["req"] = request
            try await send(String(decoding: JSONValue.object(members).encoded(), as: UTF8.self))
        }

        /// Ends the connection without a close frame.
        func cut() async throws { try await channel.close() }

        func close(_ code: Int, reason: String = "") async throws {
            var payload = ByteBuffer()
            payload.write(webSocketErrorCode: WebSocketErrorCode(codeNumber: code))
            payload.writeString(reason)
            try await outbound.write(WebSocketFrame(fin: true, opcode: .connectionClose, data: payload))
        }
    }

    /// What is answered to an upgrade with a number.
    enum Answer: Sendable {
        case accept
        case decline(status: Int, body: String)
    }

    /// - Parameters:
    ///   - answer: decides on the upgrade with a number, from 0.
    ///   - subprotocol: what is chosen in the upgrade.
    ///   - script: plays a connection; when it returns, the connection is cut without a close frame.
    static func run<Result: Sendable>(
        answer: @escaping @Sendable (Int) -> Answer = { _ in .accept },
        subprotocol: String? = "agent-events.v1",
        script: @escaping @Sendable (Int, Connection) async throws -> Void,
        _ body: (StreamURL) async throws -> Result
    ) async throws -> Result {
        let counter = Counter()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try configure(channel, number: counter.next(), answer, subprotocol)
                }
            }
        guard let port = server.channel.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await server.executeThenClose { connections in
                    try await withThrowingDiscardingTaskGroup { group in
                        for try await (number, upgrade) in connections {
                            group.addTask { await play(number, upgrade, script) }
                        }
                    }
                }
            }
            let result = try await body(StreamURL(host: "127.0.0.1", port: port))
            group.cancelAll()
            return result
        }
    }

    private static func play(
        _ number: Int,
        _ upgrade: EventLoopFuture<StreamChannel?>,
        _ script: @Sendable (Int, Connection) async throws -> Void
    ) async {
        // A client that goes away is part of most scripts.
        guard let channel = try? await upgrade.get() else { return }
        try? await channel.executeThenClose { inbound, outbound in
            try await script(number, Connection(inbound, outbound, channel.channel))
        }
    }

    private static func configure(
        _ channel: any Channel,
        number: Int,
        _ answer: @Sendable (Int) -> Answer,
        _ subprotocol: String?
    ) throws -> (Int, EventLoopFuture<StreamChannel?>) {
        if case .decline(let status, let body) = answer(number) {
            try channel.pipeline.syncOperations.addHandler(DecliningHandler(status: status, body: body))
            return (number, channel.eventLoop.makeSucceededFuture(nil))
        }
        let upgrader = NIOTypedWebSocketServerUpgrader<StreamChannel?>(
            shouldUpgrade: { channel, _ in
                channel.eventLoop.makeSucceededFuture(
                    subprotocol.map { HTTPHeaders([("Sec-WebSocket-Protocol", $0)]) } ?? HTTPHeaders())
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture { try StreamChannel(wrappingChannelSynchronously: channel) }
            })
        let configuration = NIOTypedHTTPServerUpgradeConfiguration<StreamChannel?>(
            upgraders: [upgrader],
            notUpgradingCompletionHandler: { $0.eventLoop.makeSucceededFuture(nil) })
        let upgrade = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
            configuration: NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: configuration))
        return (number, upgrade)
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)

        func next() -> Int {
            count.withLock { count in
                defer { count += 1 }
                return count
            }
        }
    }

    /// Answers the first request with what is no upgrade.
    private final class DecliningHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let status: Int
        private let body: String
        private var request = ""

        init(status: Int, body: String) {
            self.status = status
            self.body = body
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            request += String(buffer: unwrapInboundIn(data))
            guard request.hasSuffix("\r\n\r\n") else { return }
            let isComplete = [
                "GET /v1/stream HTTP/1.1", "Authorization: Bearer secret", "Sec-WebSocket-Protocol: agent-events.v1",
            ].allSatisfy(request.contains)
            let head = "HTTP/1.1 \(isComplete ? status : 599) No\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head + body)), promise: nil)
        }
    }
}
