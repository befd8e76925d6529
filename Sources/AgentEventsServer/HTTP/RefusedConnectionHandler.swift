import NIOCore

/// Tells the client of a connection that is one too many why it is closed, once it has asked for something: an answer
/// before that may be lost. Nothing that the client sends is looked at.
final class RefusedConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: ByteBuffer
    private var hasAnswered = false
    private let lifetime: TimeAmount

    /// - Parameters:
    ///   - answer: the bytes of an answer.
    ///   - lifetime: the time that the connection has in all.
    init(_ answer: ByteBuffer, lifetime: TimeAmount) {
        self.answer = answer
        self.lifetime = lifetime
    }

    func handlerAdded(context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: lifetime) { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Read and dropped: the kernel would answer what it has not read with a reset, which takes the answer away.
        guard !hasAnswered else { return }
        hasAnswered = true
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        context.close(mode: .output, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
