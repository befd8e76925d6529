import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// A server that is made with SwiftNIO alone, on event loops of its own, and gives its WebSockets to a hub.
///
///     swift run example-nio --port 8080
@main
struct NIOExample {
    static func main() async throws {
        let logger = Logger(label: "example-nio")
        let hub = AgentEventsHub(runtime: AgentRuntime(log: InMemoryEventLog()), logger: logger)
        let server = Server(hub: hub, port: port())
        // The server is the last of the list, so it is the first to stop.
        try await ServiceGroup(
            services: [hub, server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }

    /// The value of `--port`; 8080 without it.
    private static func port() -> Int {
        let arguments = CommandLine.arguments
        guard let index = arguments.firstIndex(of: "--port"), index + 1 < arguments.count else { return 8080 }
        guard let port = Int(arguments[index + 1]) else { preconditionFailure("a port is a number") }
        return port
    }
}

/// Listens until it is shut down.
struct Server: Service {
    let hub: AgentEventsHub
    let port: Int

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let hub = hub
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try hub.configure(channel) { try $0.pipeline.syncOperations.addHandler(PageHandler()) }
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        print("listening on http://127.0.0.1:\(channel.localAddress?.port ?? 0)")
        // Flushed, because the reader may be at the other end of a pipe.
        fflush(nil)
        try? await gracefulShutdown()
        // The connections live on until the hub has closed them, and so do their event loops.
        try await channel.close()
    }
}

/// Answers each request with a page, or with 404.
final class PageHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private var path = ""

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): path = head.uri
        case .body: break
        case .end: answer(context)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        let isPage = path == "/"
        let body = ByteBuffer(string: isPage ? "a chat\n" : "nothing is here\n")
        let headers = HTTPHeaders([("content-length", "\(body.readableBytes)"), ("content-type", "text/plain")])
        let head = HTTPResponseHead(version: .http1_1, status: isPage ? .ok : .notFound, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
