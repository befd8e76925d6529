import NIOCore

/// Passes on what comes from a client of a WebSocket in small pieces, one for each time that it is asked for more, and one in
/// each turn of the event loop.
///
/// A read has up to 64 KiB, and these may be 10 000 frames: without this all of them would be dealt with in one turn, however
/// soon the client turns out to have sent too much, and the other connections of the loop would wait for it.
final class PacedBytesHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    static let pieceByteCount = 4096

    private var held = ByteBuffer()
    private var isScheduled = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard held.readableBytes == 0 else {
            held.writeBuffer(&bytes)
            return
        }
        held = bytes
        passPiece(context)
        guard held.readableBytes > 0 else { return }
        // What came with the upgrade is passed on without a read of the channel, after which the next one would be asked for.
        let channel = context.channel
        context.eventLoop.execute { channel.read() }
    }

    private func passPiece(_ context: ChannelHandlerContext) {
        guard let piece = held.readSlice(length: min(held.readableBytes, Self.pieceByteCount)) else { return }
        // Nothing is kept of a buffer that others may write to again.
        if held.readableBytes == 0 { held = ByteBuffer() }
        context.fireChannelRead(wrapInboundOut(piece))
    }

    /// What is held goes first, in a turn of its own.
    func read(context: ChannelHandlerContext) {
        guard held.readableBytes > 0 else { return context.read() }
        guard !isScheduled else { return }
        isScheduled = true
        context.eventLoop.assumeIsolated().execute { self.passNext(context) }
    }

    private func passNext(_ context: ChannelHandlerContext) {
        isScheduled = false
        guard held.readableBytes > 0 else { return }
        passPiece(context)
        context.fireChannelReadComplete()
        // As after a read of the channel: the handlers decide whether they want more.
        context.channel.read()
    }

    /// Nothing further comes: what did goes before the end.
    private func passAll(_ context: ChannelHandlerContext) {
        guard held.readableBytes > 0 else { return }
        let rest = held
        held = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(rest))
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
