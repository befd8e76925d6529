import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server that takes requests and answers each as it is told.
final class WebhookReceiver: Sendable {
    struct Request: Sendable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: [UInt8]
    }

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String] = [:]
        /// Whether the connection is closed instead.
        var hangsUp = false
    }

    private let answers: @Sendable (Int, Request) -> Answer
    private let received = Mutex<[Request]>([])

    /// - Parameter answers: gets the number of the request, from 0, and the request.
    init(answers: @escaping @Sendable (Int, Request) -> Answer) { self.answers = answers }

    /// All requests, in the order in which they came.
    var requests: [Request] { received.withLock { $0 } }

    fileprivate func answer(_ request: Request) -> Answer {
        let number = received.withLock { received in
            received.append(request)
            return received.count - 1
        }
        return answers(number, request)
    }

    /// Listens on a free port of this machine for the length of a scope.
    static func run<Result>(
        answering answers: @escaping @Sendable (Int, Request) -> Answer,
        _ body: (_ receiver: WebhookReceiver, _ address: String) async throws -> Result
    ) async throws -> Result {
        let receiver = WebhookReceiver(answers: answers)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(RequestHandler(receiver))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result
        do {
            result = try await body(receiver, "http://127.0.0.1:\(channel.localAddress?.port ?? 0)/hook?a=1")
        } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
        return result
    }
}

private final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let receiver: WebhookReceiver
    private var request = WebhookReceiver.Request(method: "", path: "", headers: [:], body: [])

    init(_ receiver: WebhookReceiver) { self.receiver = receiver }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request = WebhookReceiver.Request(
                method: head.method.rawValue, path: head.uri,
                headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { "\($0), \($1)" },
                body: [])
        case .body(let buffer):
            request.body += Array(buffer.readableBytesView)
        case .end:
            let answer = receiver.answer(request)
            if answer.hangsUp {
                context.close(promise: nil)
                return
            }
            var headers = HTTPHeaders(answer.headers.map { ($0.key, $0.value) })
            headers.add(name: "Content-Length", value: "2")
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "ok")))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
