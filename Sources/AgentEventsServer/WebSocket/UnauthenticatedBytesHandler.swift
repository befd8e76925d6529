import AgentEventsHub
import NIOCore

/// Takes no more bytes of a client than the message with its token needs, until there is a session. It stands before
/// ``StreamHandler``, which would otherwise hold a whole message of the usual size for each unknown client.
final class UnauthenticatedBytesHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Too much has come; the rest is dropped.
    struct Overrun {}

    private var leftByteCount = UnauthenticatedStream.maximumByteCount

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let byteCount = unwrapInboundIn(data).readableBytes
        guard leftByteCount >= 0 else { return }
        leftByteCount -= byteCount
        guard leftByteCount >= 0 else { return context.fireUserInboundEventTriggered(Overrun()) }
        context.fireChannelRead(data)
    }
}
