import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Logging
import NIOCore
import NIOExtras
import NIOWebSocket

/// A WebSocket connection after its upgrade: gives the frames to the codec, and the session what they mean.
final class StreamHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: AgentEventsHub
    private let principal: Principal
    private let transport: WebSocketTransport
    private var session: StreamSession?
    /// When a message in fragments has begun, and the timer that looks after it.
    private var messageStart: NIODeadline?
    private var messageTimer: Scheduled<Void>?
    private static let messageTimes = RequestTimeStateMachine.Limits()

    init(hub: AgentEventsHub, principal: Principal) {
        self.hub = hub
        self.principal = principal
        transport = WebSocketTransport(
            maximumMessageByteCount: hub.limits.maximumMessageByteCount,
            closeTimeout: .milliseconds(hub.limits.closeMilliseconds))
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        transport.begin(context)
        session = hub.adopt(transport, as: principal, on: context.eventLoop)
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    private func end(_ context: ChannelHandlerContext) {
        messageTimer?.cancel()
        transport.end()
        tell(context) { $0.closed() }
        session = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        transport.writabilityChanged(isWritable)
        if isWritable { tell(context) { $0.writabilityChanged() } }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            session?.beginLeaving()
        case ChannelEvent.inputClosed:
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Passes an input of the channel to the session: at once, or after the call of the session that has led to it.
    private func tell(_ context: ChannelHandlerContext, _ body: @escaping (StreamSession) -> Void) {
        guard let session else { return }
        if transport.isBusy {
            context.eventLoop.assumeIsolated().execute { body(session) }
        } else {
            body(session)
        }
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch transport.receive(unwrapInboundIn(data)) {
        case .nothing:
            session?.didHear()
        case .message(let message):
            session?.receive(message)
        case .answered(let byteCount):
            session?.didHear()
            session?.didWriteControl(byteCount: byteCount)
        case .violation(let code, let reason):
            session?.close(code, reason: reason)
        case .closed:
            session?.closed()
        }
        watchMessage(context)
    }

    /// A message in fragments has as much time as the body of a request: the fragments of one that never ends would keep
    /// the connection and what has come of it.
    private func watchMessage(_ context: ChannelHandlerContext) {
        guard transport.fragmentedByteCount != nil else {
            guard messageStart != nil else { return }
            messageStart = nil
            messageTimer?.cancel()
            return
        }
        guard messageStart == nil else { return }
        messageStart = context.eventLoop.now
        setMessageTimer(in: .milliseconds(Self.messageTimes.body), context)
    }

    private func setMessageTimer(in time: TimeAmount, _ context: ChannelHandlerContext) {
        messageTimer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.checkMessage(context) }
    }

    private func checkMessage(_ context: ChannelHandlerContext) {
        guard let messageStart, let byteCount = transport.fragmentedByteCount else { return }
        // What is not read is not waited for.
        guard transport.isReading else { return setMessageTimer(in: .milliseconds(Self.messageTimes.body), context) }
        let left =
            .milliseconds(Self.messageTimes.body(byteCount: byteCount)) - (context.eventLoop.now - messageStart)
        guard left <= .zero else { return setMessageTimer(in: left, context) }
        session?.close(.heartbeatMissed, reason: "a message in fragments did not come in time; resume at the cursor")
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Also what the codec has written: the session may be at its end.
        context.flush()
        session?.readComplete()
        context.fireChannelReadComplete()
    }

    /// The decoder could not make sense of the bytes.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOWebSocketError.invalidFrameLength:
            session?.close(.tooBig, reason: "a message has at most \(hub.limits.maximumMessageByteCount) bytes")
        case is NIOWebSocketError:
            session?.close(.protocolError, reason: "control frames are whole and have at most 125 bytes")
        default:
            hub.logger.debug("connection lost", metadata: ["error.message": "\(error)"])
            context.close(promise: nil)
        }
    }

    /// Reading pauses while the session wants nothing.
    func read(context: ChannelHandlerContext) {
        if transport.wantsToRead() { context.read() }
    }
}
