import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Logging
import NIOCore
import NIOExtras

/// A WebSocket connection after its upgrade: gives the bytes to the codec, and the session what they mean. A client that has
/// shown no token yet has no session, but an ``UnauthenticatedStream``.
///
/// The only handler of a connection whose client is known: each one that stands before it costs memory, and is passed by with each
/// event that is written.
final class StreamHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: AgentEventsHub
    /// The way in which the connection begins.
    private enum Beginning {
        case begun
        case known(Principal)
        /// - Parameters:
        ///   - path: that of the upgrade.
        ///   - bytes: leaves the pipeline when the client is known.
        ///   - ticket: the connection.
        indirect case unknown(path: String, bytes: UnauthenticatedBytesHandler, ticket: ConnectionTicket)
    }

    private var beginning: Beginning
    private var unauthenticated: UnauthenticatedStream?
    private let transport: WebSocketTransport
    private var session: StreamSession?
    /// Looks after a message in fragments that has begun.
    private var watch: MessageWatch?

    private final class MessageWatch {
        let start: NIODeadline
        var timer: Scheduled<Void>?

        init(start: NIODeadline) { self.start = start }
    }

    private static let messageTimes = RequestTimeStateMachine.Limits()

    convenience init(hub: AgentEventsHub, principal: Principal) { self.init(hub, .known(principal)) }

    /// - Parameters:
    ///   - path: the path of the upgrade.
    ///   - bytes: a handler of the pipeline, before this one.
    ///   - ticket: the connection.
    convenience init(
        hub: AgentEventsHub,
        unknownAt path: String,
        _ bytes: UnauthenticatedBytesHandler,
        _ ticket: ConnectionTicket
    ) {
        self.init(hub, .unknown(path: path, bytes: bytes, ticket: ticket))
    }

    private init(_ hub: AgentEventsHub, _ beginning: Beginning) {
        self.hub = hub
        self.beginning = beginning
        transport = WebSocketTransport(
            maximumMessageByteCount: hub.limits.maximumMessageByteCount,
            closeTimeout: .milliseconds(hub.limits.closeMilliseconds))
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        transport.begin(context)
        defer { beginning = .begun }
        switch beginning {
        case .begun: break
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
        passHeld(context)
        end(context)
        context.fireChannelInactive()
    }

    private func end(_ context: ChannelHandlerContext) {
        watch?.timer?.cancel()
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
        case is WebSocketTransport.Turn:
            passTurn(context)
        case ChannelEvent.inputClosed:
            passHeld(context)
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func tell(_ context: ChannelHandlerContext, _ body: @escaping (StreamSession) -> Void) {
        session?.tell(isBusy: transport.isBusy, on: context.eventLoop, body)
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // After a header that broke a rule there is nothing to understand, and a client that continues is not waited for.
        guard !transport.isBroken else { return context.close(promise: nil) }
        guard transport.append(unwrapInboundIn(data)) else { return }
        passFrames(context)
        guard transport.isHolding else { return }
        // What came with the upgrade comes without a read of the channel, after which the next one would be asked for.
        let channel = context.channel
        context.eventLoop.execute { channel.read() }
    }

    private func passFrames(_ context: ChannelHandlerContext) {
        while let received = transport.next() {
            if let unauthenticated {
                tell(unauthenticated, received)
            } else {
                pass(received)
                watchMessage(context)
            }
        }
    }

    private func pass(_ received: WebSocketTransport.Received) {
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
        case .broken(.tooBig):
            session?.close(.tooBig, reason: "a message has at most \(hub.limits.maximumMessageByteCount) bytes")
        case .broken(.control):
            session?.close(.protocolError, reason: Self.controlFrameRule)
        case .closed:
            session?.closed()
        }
    }

    private static let controlFrameRule = "control frames are whole and have at most 125 bytes"

    /// What is held has its turn.
    private func passTurn(_ context: ChannelHandlerContext) {
        guard transport.beginTurn() else { return }
        passFrames(context)
        channelReadComplete(context: context)
        // As after a read of the channel: the handlers decide whether they want more.
        context.channel.read()
    }

    /// Nothing further comes.
    private func passHeld(_ context: ChannelHandlerContext) {
        guard transport.beginLastTurn() else { return }
        passFrames(context)
        channelReadComplete(context: context)
    }

    /// A message in fragments has as much time as the body of a request: the fragments of one that never ends would keep
    /// the connection and what has come of it.
    private func watchMessage(_ context: ChannelHandlerContext) {
        guard transport.fragmentedByteCount != nil else {
            watch?.timer?.cancel()
            watch = nil
            return
        }
        guard watch == nil else { return }
        watch = MessageWatch(start: context.eventLoop.now)
        setMessageTimer(in: .milliseconds(Self.messageTimes.body), context)
    }

    private func setMessageTimer(in time: TimeAmount, _ context: ChannelHandlerContext) {
        watch?.timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.checkMessage(context) }
    }

    private func checkMessage(_ context: ChannelHandlerContext) {
        guard let watch, let byteCount = transport.fragmentedByteCount else { return }
        // What is not read is not waited for.
        guard transport.isReading else { return setMessageTimer(in: .milliseconds(Self.messageTimes.body), context) }
        let left =
            .milliseconds(Self.messageTimes.body(byteCount: byteCount)) - (context.eventLoop.now - watch.start)
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
        case .broken(.tooBig): stream.receiveOther()
        case .broken(.control): stream.close(.protocolError, reason: Self.controlFrameRule)
        case .closed: stream.closed()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Also what the codec has written: the session may be at its end.
        context.flush()
        session?.readComplete()
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hub.logger.debug("connection lost", metadata: ["error.message": "\(error)"])
        context.close(promise: nil)
    }

    /// Reading pauses while the session wants nothing.
    func read(context: ChannelHandlerContext) {
        if transport.wantsToRead(), !transport.scheduleTurn() { context.read() }
    }
}
