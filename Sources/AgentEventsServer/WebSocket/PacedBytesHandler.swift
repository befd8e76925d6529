import NIOCore

/// Passes on what comes from a client of a WebSocket, up to a number of frames in each turn of the event loop.
///
/// A read has up to 64 KiB, and these may be 10 000 frames: without this all of them would be dealt with in one turn, however
/// soon the client turns out to have sent too much, and the other connections of the loop would wait for it. A usual read passes
/// as it is.
///
/// It does not stand in the way of what is written, and so it does not see who asks for more: ``StreamHandler``, by which
/// everybody asks, calls ``passNext()`` before it reads from the channel.
final class PacedBytesHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var cut = FrameCutStateMachine()
    private var held = ByteBuffer()
    private var isScheduled = false
    /// Whether this side has closed: what is held when the client goes is of no use, and is not dealt with in one turn.
    var isClosing = false
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard held.readableBytes == 0 else {
            var bytes = unwrapInboundIn(data)
            held.writeBuffer(&bytes)
            return
        }
        let bytes = unwrapInboundIn(data)
        let count = cut.take(bytes.readableBytesView)
        guard count < bytes.readableBytes else { return context.fireChannelRead(data) }
        held = bytes
        pass(count, context)
        // What came with the upgrade is passed on without a read of the channel, after which the next one would be asked for.
        let channel = context.channel
        context.eventLoop.execute { channel.read() }
    }

    private func pass(_ count: Int, _ context: ChannelHandlerContext) {
        guard let piece = held.readSlice(length: count) else { return }
        // Nothing is kept of a buffer that others may write to again.
        if held.readableBytes == 0 { held = ByteBuffer() }
        context.fireChannelRead(wrapInboundOut(piece))
    }

    /// More is asked for. What is held goes first, in a turn of its own.
    ///
    /// - Returns: whether something is held; the channel is not to be read then.
    func passNext() -> Bool {
        guard held.readableBytes > 0, let context else { return false }
        guard !isScheduled else { return true }
        isScheduled = true
        context.eventLoop.assumeIsolated().execute { self.turn() }
        return true
    }

    private func turn() {
        isScheduled = false
        guard held.readableBytes > 0, let context else { return }
        pass(cut.take(held.readableBytesView), context)
        context.fireChannelReadComplete()
        // As after a read of the channel: the handlers decide whether they want more.
        context.channel.read()
    }

    /// Nothing further comes: what did goes before the end.
    private func passAll(_ context: ChannelHandlerContext) {
        guard held.readableBytes > 0 else { return }
        guard !isClosing else {
            held = ByteBuffer()
            return
        }
        pass(held.readableBytes, context)
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        passAll(context)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { passAll(context) }
        context.fireUserInboundEventTriggered(event)
    }
}
