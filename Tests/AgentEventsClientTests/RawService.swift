import AgentEventsClient
import NIOCore
import NIOPosix

/// A service that answers the first request of each connection with any bytes, and continues with others for as long as the
/// client takes them.
enum RawService {
    /// - Parameters:
    ///   - answer: to the first request.
    ///   - repeated: the bytes that follow the answer, again and again.
    ///   - pause: between two times.
    static func run(
        _ answer: [UInt8],
        repeating repeated: [UInt8],
        pause: TimeAmount = .zero,
        _ body: (StreamURL) async throws -> Void
    ) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AnsweringHandler(repeated: ByteBuffer(bytes: repeated), pause: pause, answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        do {
            try await body(StreamURL(host: "127.0.0.1", port: port))
        } catch {
            try await server.close()
            throw error
        }
        try await server.close()
    }

    private final class AnsweringHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let repeated: ByteBuffer
        private let pause: TimeAmount
        private let answer: [UInt8]
        private var request = ""

        init(repeated: ByteBuffer, pause: TimeAmount, answer: [UInt8]) {
            self.repeated = repeated
            self.pause = pause
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !request.hasSuffix("\r\n\r\n") else { return }
            request += String(buffer: unwrapInboundIn(data))
            guard request.hasSuffix("\r\n\r\n") else { return }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil)
            writeNext(context)
        }

        private func writeNext(_ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            context.writeAndFlush(wrapOutboundOut(repeated)).assumeIsolated().whenSuccess {
                context.eventLoop.assumeIsolated().scheduleTask(in: self.pause) { self.writeNext(context) }
            }
        }
    }
}
