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

    private enum State {
        /// No byte has come.
        case waiting
        /// A part of a head has come, and the rest may be in what is read next.
        case reading(ByteBuffer)
        /// It is a WebSocket, is for HTTP to decide, or is gone.
        case over
    }

    private let pipeline: StreamPipeline<HTTP>
    private let negotiated: EventLoopPromise<StreamPipeline<HTTP>.Negotiated>
    private var state = State.waiting
    private var timeout: Scheduled<Void>?

    /// - Parameter negotiated: is told what the first request has made of the connection.
    init(_ pipeline: StreamPipeline<HTTP>, _ negotiated: EventLoopPromise<StreamPipeline<HTTP>.Negotiated>) {
        self.pipeline = pipeline
        self.negotiated = negotiated
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let deadline = TimeAmount.seconds(pipeline.hub.limits.handshakeSeconds)
        timeout = context.eventLoop.assumeIsolated().scheduleTask(in: deadline) {
            if case .waiting = self.state {
                self.pipeline.hub.requestFailures.record(.silent)
                context.close(promise: nil)
            } else {
                // A part of a head: the client is told.
                context.fireErrorCaught(RequestTimeout())
            }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch state {
        case .over: return context.fireChannelRead(data)
        case .waiting: break
        case .reading(var earlier):
            earlier.writeImmutableBuffer(bytes)
            bytes = earlier
        }
        if bytes.hasWholeHead || bytes.readableBytes > HTTPLimits.headByteCount {
            state = .over
            if !upgrade(bytes, context) { leaveToHTTP(bytes, context) }
        } else {
            state = .reading(bytes)
        }
    }

    /// A head comes in one piece mostly, but not in one read. What is only a part of one when nothing more is there is left to HTTP,
    /// which watches the time that the rest takes.
    func channelReadComplete(context: ChannelHandlerContext) {
        giveUp(context)
        context.fireChannelReadComplete()
    }

    private func giveUp(_ context: ChannelHandlerContext) {
        guard case .reading(let bytes) = state else { return }
        state = .over
        leaveToHTTP(bytes, context)
    }

    private func leaveToHTTP(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        do {
            try pipeline.addHTTP(to: context.channel, self).cascade(to: negotiated)
            context.fireChannelRead(wrapInboundOut(bytes))
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
        // No request has come; HTTP tells of it otherwise.
        if case .over = state { return }
        state = .over
        negotiated.fail(ChannelError.eof)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            context.close(promise: nil)
        case ChannelEvent.inputClosed:
            giveUp(context)
            if case .waiting = state { return context.close(promise: nil) }
            context.fireUserInboundEventTriggered(event)
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

extension ByteBuffer {
    /// Whether it contains the empty line that ends the head of a request.
    fileprivate var hasWholeHead: Bool {
        withUnsafeReadableBytes { bytes in
            (3..<max(3, bytes.count)).contains { index in
                bytes[index] == UInt8(ascii: "\n") && bytes[index - 1] == UInt8(ascii: "\r")
                    && bytes[index - 2] == UInt8(ascii: "\n") && bytes[index - 3] == UInt8(ascii: "\r")
            }
        }
    }
}
