package import NIOCore

/// Ends a connection on which nothing is heard for too long.
///
/// Time counts only while somebody wants to read: a reader that is slow itself does not take the other side for dead. It
/// stands first in the pipeline, where everything that arrives passes it.
package final class SilenceWatchdog: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// Sent down the pipeline to change how long a silence may last.
    package struct Limit: Sendable {
        var duration: TimeAmount

        package init(duration: TimeAmount) { self.duration = duration }
    }

    private var limit: TimeAmount
    private var isReadWanted = false
    private var lastHeard = NIODeadline.uptimeNanoseconds(0)
    private var timer: Scheduled<Void>?

    package init(limit: TimeAmount) { self.limit = limit }

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = context.eventLoop.now
        isReadWanted = false
        context.fireChannelRead(data)
    }

    package func read(context: ChannelHandlerContext) {
        if !isReadWanted {
            isReadWanted = true
            // The silence begins when somebody listens.
            lastHeard = context.eventLoop.now
        }
        context.read()
    }

    package func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?)
    {
        guard let change = event as? Limit else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        limit = change.duration
        if context.channel.isActive { start(context) }
        promise?.succeed()
    }

    private func start(_ context: ChannelHandlerContext) {
        lastHeard = context.eventLoop.now
        schedule(context, in: limit)
    }

    private func schedule(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) { self.check(context) }
    }

    private func check(_ context: ChannelHandlerContext) {
        let silence = context.eventLoop.now - lastHeard
        if !isReadWanted {
            schedule(context, in: limit)
        } else if silence < limit {
            schedule(context, in: limit - silence)
        } else {
            let seconds = Double(limit.nanoseconds) / 1e9
            let text = seconds == seconds.rounded() ? "\(limit.nanoseconds / 1_000_000_000)" : "\(seconds)"
            context.fireErrorCaught(
                AgentEventsClientError(.silent, "nothing was heard from the service for \(text) s"))
            context.close(promise: nil)
        }
    }
}
