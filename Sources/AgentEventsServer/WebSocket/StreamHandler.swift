import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Logging
import NIOCore
import NIOExtras
import NIOWebSocket

/// A WebSocket connection after its upgrade: gives the frames to the codec, and the session what they mean. A client that has
/// shown no token yet has no session, but an ``UnauthenticatedStream``.
final class StreamHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: AgentEventsHub
    /// The way in which the connection begins.
    private enum Beginning {
        case known(Principal)
        /// - Parameters:
        ///   - path: that of the upgrade.
        ///   - bytes: leaves the pipeline when the client is known.
        ///   - ticket: the connection.
        case unknown(path: String, bytes: UnauthenticatedBytesHandler, ticket: ConnectionTicket)
    }

    private let beginning: Beginning
    private var unauthenticated: UnauthenticatedStream?
    private let transport: WebSocketTransport
    private let inbound: PacedBytesHandler
    private var session: StreamSession?
    /// When a message in fragments has begun, and the timer that looks after it.
    private var messageStart: NIODeadline?
    private var messageTimer: Scheduled<Void>?
    private static let messageTimes = RequestTimeStateMachine.Limits()

    /// - Parameter inbound: the handler of the pipeline before the decoder of frames.
    convenience init(hub: AgentEventsHub, _ inbound: PacedBytesHandler, principal: Principal) {
        self.init(hub, inbound, .known(principal))
    }

    /// - Parameters:
    ///   - inbound: the handler of the pipeline before the decoder of frames.
    ///   - path: the path of the upgrade.
    ///   - bytes: a handler of the pipeline, before the decoder of frames.
    ///   - ticket: the connection.
    convenience init(
        hub: AgentEventsHub,
        _ inbound: PacedBytesHandler,
        unknownAt path: String,
        _ bytes: UnauthenticatedBytesHandler,
        _ ticket: ConnectionTicket
    ) {
        self.init(hub, inbound, .unknown(path: path, bytes: bytes, ticket: ticket))
    }

    private init(_ hub: AgentEventsHub, _ inbound: PacedBytesHandler, _ beginning: Beginning) {
        self.hub = hub
        self.inbound = inbound
        self.beginning = beginning
        transport = WebSocketTransport(
            inbound, maximumMessageByteCount: hub.limits.maximumMessageByteCount,
            closeTimeout: .milliseconds(hub.limits.closeMilliseconds))
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        transport.begin(context)
        switch beginning {
        case .known(let principal):
            session = hub.adopt(transport, as: principal, on: context.eventLoop)
        case .unknown(let path, let bytes, let ticket):
            let authenticator = hub.authenticator
            unauthenticated = hub.awaitCredentials(
                transport, path: path, on: context.eventLoop,
                authenticate: { credentials throws(ProtocolError) in
                    try await ticket.authenticate(credentials, by: authenticator)
                }
            ) { principal in
                self.unauthenticated = nil
                context.pipeline.syncOperations.removeHandler(bytes, promise: nil)
                self.session = self.hub.adopt(self.transport, as: principal, on: context.eventLoop)
            }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context) }

    func channelInactive(context: ChannelHandlerContext) {
        end(context)
        context.fireChannelInactive()
    }

    private func end(_ context: ChannelHandlerContext) {
        messageTimer?.cancel()
        transport.end()
        unauthenticated?.closed()
        unauthenticated = nil
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
            unauthenticated?.leave()
        case is UnauthenticatedBytesHandler.Overrun:
            unauthenticated?.receiveOther()
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
        let received = transport.receive(unwrapInboundIn(data))
        if let unauthenticated { return tell(unauthenticated, received) }
        switch received {
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

    /// The first message of a client decides; there is nothing but it.
    private func tell(_ stream: UnauthenticatedStream, _ received: WebSocketTransport.Received) {
        switch received {
        // A part of a message. All of them are counted before they come here.
        case .nothing: break
        case .message(let message): stream.receive(message)
        case .answered, .violation(.unsupportedData, _): stream.receiveOther()
        case .violation(let code, let reason): stream.close(code, reason: reason)
        case .closed: stream.closed()
        }
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
        case NIOWebSocketError.invalidFrameLength where unauthenticated != nil:
            unauthenticated?.receiveOther()
        case is NIOWebSocketError where unauthenticated != nil:
            unauthenticated?.close(.protocolError, reason: "control frames are whole and have at most 125 bytes")
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
        if transport.wantsToRead(), !inbound.passNext() { context.read() }
    }
}
