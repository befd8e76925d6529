internal import NIOCore

/// Reads on when a connection with TLS is being closed, whatever the handlers after it ask for.
///
/// TLS ends with a goodbye of both sides, and waits for that of the service. The handlers after this one read no longer
/// then: nobody would meet it before the wait is over. What else comes is not of interest any longer.
final class GoodbyeHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var isClosing = false

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        context.close(mode: mode, promise: promise)
        guard mode == .all else { return }
        isClosing = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isClosing { context.fireChannelRead(data) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if isClosing { context.read() }
    }
}
