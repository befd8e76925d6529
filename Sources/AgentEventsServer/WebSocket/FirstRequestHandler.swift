import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import NIOExtras

/// Guards a connection until its first request has decided what it is: closes one that sends none in time, and one that
/// has sent none when the server stops.
///
/// The usual request for a WebSocket, whose client is known at once, is answered here, and HTTP has no part in it. For anything else
/// the handlers of HTTP come first, which decide about it.
final class FirstRequestHandler<HTTP: Sendable>: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let pipeline: StreamPipeline<HTTP>
    private let negotiated: EventLoopPromise<StreamPipeline<HTTP>.Negotiated>
    private var hasReceived = false
    private var timeout: Scheduled<Void>?

    /// - Parameter negotiated: is told what the first request has made of the connection.
    init(_ pipeline: StreamPipeline<HTTP>, _ negotiated: EventLoopPromise<StreamPipeline<HTTP>.Negotiated>) {
        self.pipeline = pipeline
        self.negotiated = negotiated
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let deadline = TimeAmount.seconds(pipeline.hub.limits.handshakeSeconds)
        timeout = context.eventLoop.assumeIsolated().scheduleTask(in: deadline) {
            if self.hasReceived {
                // A part of a head: the client is told.
                context.fireErrorCaught(RequestTimeout())
            } else {
                self.pipeline.hub.requestFailures.record(.silent)
                context.close(promise: nil)
            }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasReceived else { return context.fireChannelRead(data) }
        hasReceived = true
        let bytes = unwrapInboundIn(data)
        if upgrade(bytes, context) { return }
        do {
            try pipeline.addHTTP(to: context.channel, self).cascade(to: negotiated)
            context.fireChannelRead(data)
        } catch {
            negotiated.fail(error)
            context.close(promise: nil)
        }
    }

    /// Answers the usual request for a WebSocket.
    ///
    /// - Returns: whether it is one.
    private func upgrade(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) -> Bool {
        guard let admission = pipeline.admitAtOnce(bytes) else { return false }
        timeout?.cancel()
        // Sent with the welcome.
        context.write(
            wrapOutboundOut(
                HandshakeAnswer.bytes(
                    key: admission.key, subprotocol: admission.subprotocol, allocator: context.channel.allocator)),
            promise: nil)
        do {
            try context.pipeline.syncOperations.addHandler(
                StreamHandler(hub: pipeline.hub, principal: admission.principal))
            negotiated.succeed(.webSocket)
        } catch {
            negotiated.fail(error)
            context.close(promise: nil)
            return true
        }
        var rest = bytes
        rest.moveReaderIndex(forwardBy: admission.byteCount)
        if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
        return true
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        timeout?.cancel()
        // Nothing has come; HTTP tells of it otherwise.
        if !hasReceived { negotiated.fail(ChannelError.eof) }
        hasReceived = true
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            context.close(promise: nil)
        case ChannelEvent.inputClosed where !hasReceived:
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// The first request has come.
    func remove(from channel: any Channel) {
        timeout?.cancel()
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
