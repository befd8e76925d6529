import AgentEventsClient
import NIOCore
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(10))) struct StreamLeavingTests {
    /// Neither a service that does not answer nor one that does not accept holds a stream up that is left.
    @Test(arguments: [true, false])
    func aStreamIsLeftAtOnceWhileItConnects(accepts: Bool) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let (requests, heard) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let server = try await ServerBootstrap(group: group)
            // One connection waits to be accepted, the others are not answered at all.
            .serverChannelOption(.backlog, value: 0)
            .serverChannelOption(.autoRead, value: accepts)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SilentHandler(heard: heard))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let waiting =
            accepts ? nil : try await ClientBootstrap(group: group).connect(to: #require(server.localAddress)).get()
        var configuration = ClientConfiguration()
        // Longer than this suite may take: whoever waits for it fails.
        configuration.connectTimeout = .seconds(3600)
        let client = StreamClient(
            url: StreamURL(host: "127.0.0.1", port: port), configuration: configuration)
        try await client.withStream { _ in
            if accepts { _ = await requests.first { _ in true } }
            for _ in 0..<100 { await Task.yield() }
        }
        try await waiting?.close()
        try await server.close()
    }
}

/// Says that a request has come, and nothing else.
private final class SilentHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let heard: AsyncStream<Void>.Continuation

    init(heard: AsyncStream<Void>.Continuation) { self.heard = heard }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { heard.yield() }
}
