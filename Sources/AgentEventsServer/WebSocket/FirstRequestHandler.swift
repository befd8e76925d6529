import NIOCore
import NIOExtras

/// Guards a connection until its first request has decided what it is: closes one that sends none in time, and one that
/// has sent none when the server stops.
final class FirstRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let deadline: TimeAmount
    private var hasReceived = false
    private var timeout: Scheduled<Void>?

    private let onSilence: () -> Void

    /// - Parameter onSilence: is told of a connection that is closed because nothing has come.
    init(deadline: TimeAmount, onSilence: @escaping () -> Void) {
        self.deadline = deadline
        self.onSilence = onSilence
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timeout = context.eventLoop.assumeIsolated().scheduleTask(in: deadline) {
            if self.hasReceived {
                // A part of a head: the client is told.
                context.fireErrorCaught(RequestTimeout())
            } else {
                self.onSilence()
                context.close(promise: nil)
            }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasReceived = true
        context.fireChannelRead(data)
    }

    func handlerRemoved(context: ChannelHandlerContext) { timeout?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// The first request has come.
    func remove(from channel: any Channel) {
        timeout?.cancel()
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
