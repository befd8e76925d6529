import AgentEventsHub
import AgentEventsProtocol
import NIOCore

/// The codec of one WebSocket: bytes to messages, messages to frames, and the closing handshake (RFC 6455). Confined
/// to the event loop.
///
/// ``StreamHandler`` gives it what comes from the network and passes on to the session what that means; the session
/// writes to it. It calls neither of them.
final class WebSocketTransport: PingingTransport {
    /// The meaning of a frame for the session.
    enum Received {
        /// A part of a message, or something that is ignored.
        case nothing
        case message(ByteBuffer)
        /// A ping was answered with this number of bytes.
        case answered(byteCount: Int)
        /// The client broke a rule: the session closes.
        case violation(StreamCloseCode, reason: String)
        /// The client broke a rule with the header of a frame; nothing is read of what follows.
        case broken(InboundFrames.Violation)
        /// The client has closed, and is answered.
        case closed
    }

    /// Goes through the pipeline to the handler: what is held has its turn.
    struct Turn {}

    /// Shared, and so no part of each transport.
    var framing: StreamFraming { .webSocket }
    private var context: ChannelHandlerContext?
    private var frames: InboundFrames
    // Side by side, so that they take no more room than they need.
    private var isTurnScheduled = false
    /// Whether less than the outbound watermark waits to be taken, as the channel has told.
    private(set) var isWritable = false
    /// Whether a call of the session is under way: what the channel tells meanwhile, the session is told later.
    private(set) var isBusy = false
    /// Whether the session wants to hear of the client.
    private(set) var isReading = true
    private var hasPendingRead = false
    private var handshake = CloseHandshakeStateMachine()
    private var inbound: WebSocketInboundStateMachine<ByteBufferView>
    private let closeTimeout: TimeAmount
    private var closingPace = ClosingPaceStateMachine()

    /// - Parameter closeTimeout: how long the client may take to answer a close.
    init(maximumMessageByteCount: Int, closeTimeout: TimeAmount) {
        frames = InboundFrames(maximumFrameByteCount: maximumMessageByteCount)
        inbound = WebSocketInboundStateMachine(maximumMessageByteCount: maximumMessageByteCount)
        self.closeTimeout = closeTimeout
    }

    // MARK: For the handler

    /// The bytes that have come of a message in fragments; `nil` between two messages.
    var fragmentedByteCount: Int? { inbound.fragmentedByteCount }

    func begin(_ context: ChannelHandlerContext) {
        self.context = context
        isWritable = context.channel.isWritable
    }

    func writabilityChanged(_ isWritable: Bool) { self.isWritable = isWritable }

    /// The channel is gone.
    func end() {
        handshake.lost()
        frames.removeAll()
        context = nil
        isWritable = false
    }

    /// The channel asks for more bytes of the client.
    ///
    /// - Returns: whether they are read now; later otherwise.
    func wantsToRead() -> Bool {
        guard isReading else {
            hasPendingRead = true
            return false
        }
        guard handshake.isClosing, let context else { return true }
        switch closingPace.reads() {
        case .read:
            return true
        case .wait:
            return false
        case .rest:
            context.eventLoop.assumeIsolated().scheduleTask(
                in: .milliseconds(ClosingPaceStateMachine.pauseMilliseconds)
            ) {
                if self.closingPace.rested() { self.readNow() }
            }
            return false
        }
    }

    /// Reads what was asked for before.
    private func readNow() {
        guard let context else { return }
        isBusy = true
        defer { isBusy = false }
        if !scheduleTurn() { context.read() }
    }

    /// More is asked for. What is held goes first, in a turn of its own.
    ///
    /// - Returns: whether something is held; the channel is not to be read then.
    func scheduleTurn() -> Bool {
        guard frames.isHolding, let context else { return false }
        guard !isTurnScheduled else { return true }
        isTurnScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isTurnScheduled = false
            // Not the channel's last handler: the one that gives the frames to the session.
            self.context?.pipeline.syncOperations.fireUserInboundEventTriggered(Turn())
        }
        return true
    }

    /// Bytes have come.
    ///
    /// - Returns: whether they are dealt with now; otherwise they wait for a turn.
    func append(_ bytes: ByteBuffer) -> Bool {
        let isHolding = isHolding
        frames.append(bytes)
        return !isHolding
    }

    /// Whether something is held for a turn of its own.
    var isHolding: Bool { frames.isHolding }

    /// Whether nothing that comes can be understood any longer.
    var isBroken: Bool { frames.isBroken }

    /// - Returns: whether there is something to deal with.
    func beginTurn() -> Bool {
        guard frames.isHolding else { return false }
        frames.beginTurn()
        return true
    }

    /// Nothing further comes: what did goes before the end. When this side has closed it is of no use, and is not dealt with in one
    /// turn.
    ///
    /// - Returns: whether there is something to deal with.
    func beginLastTurn() -> Bool {
        guard frames.isHolding else { return false }
        guard !handshake.isClosing else {
            frames.removeAll()
            return false
        }
        frames.beginLastTurn()
        return true
    }

    /// The meaning of the next frame; `nil` when the turn is over.
    func next() -> Received? {
        do throws(InboundFrames.Violation) {
            guard let frame = try frames.next() else { return nil }
            return receive(frame)
        } catch {
            return .broken(error)
        }
    }

    private func receive(_ frame: InboundFrames.Frame) -> Received {
        switch inbound.receive(frame) {
        case .none: return .nothing
        case .message(let payload):
            guard UTF8Validation.isValid(payload) else {
                return .violation(.invalidText, reason: "a text message is UTF-8")
            }
            return .message(ByteBuffer(payload))
        case .binary: preconditionFailure("binary messages are taken only where that is said")
        case .sendPong(let payload): return sendPong(ByteBuffer(payload))
        case .echoClose(let code): return peerClosed(code)
        case .fail(let code, let reason): return .violation(code, reason: reason)
        case .finish: return peerClosed(nil)
        }
    }

    private func sendPong(_ payload: ByteBuffer) -> Received {
        guard let context, handshake.isOpen else { return .nothing }
        let pong = WebSocketFraming.pong(payload, allocator: context.channel.allocator)
        context.write(NIOAny(pong), promise: nil)
        return .answered(byteCount: pong.readableBytes)
    }

    private func peerClosed(_ code: StreamCloseCode?) -> Received {
        switch handshake.peerClosed() {
        case .none:
            return .nothing
        case .echo:
            sendClose(code, reason: "")
            setCloseDeadline()
            finish()
            return .closed
        case .finish:
            finish()
            return .nothing
        }
    }

    // MARK: For the session

    var pendingByteCount: Int { context?.channel.bufferedByteCount ?? 0 }

    func write(_ messages: ByteBuffer) {
        guard let context, handshake.isOpen else { return }
        isBusy = true
        defer { isBusy = false }
        context.write(NIOAny(messages), promise: nil)
    }

    func flush() {
        isBusy = true
        defer { isBusy = false }
        context?.flush()
    }

    func ping() -> Int {
        guard let context, handshake.isOpen else { return 0 }
        isBusy = true
        defer { isBusy = false }
        let frame = WebSocketFraming.ping(allocator: context.channel.allocator)
        context.write(NIOAny(frame), promise: nil)
        return frame.readableBytes
    }

    func setReading(_ isEnabled: Bool) {
        isReading = isEnabled
        guard isEnabled, hasPendingRead, !closingPace.isResting else { return }
        hasPendingRead = false
        readNow()
    }

    func close(_ code: StreamCloseCode, reason: String) {
        switch handshake.close() {
        case .none: break
        case .sendClose:
            isBusy = true
            defer { isBusy = false }
            sendClose(code, reason: reason)
            inbound.close()
            setCloseDeadline()
        }
    }

    // MARK: Closing

    private func sendClose(_ code: StreamCloseCode?, reason: String) {
        guard let context else { return }
        let frame = WebSocketFraming.close(code: code, reason: reason, allocator: context.channel.allocator)
        context.writeAndFlush(NIOAny(frame), promise: nil)
    }

    /// A peer that neither answers a close nor takes what was written is not waited for.
    private func setCloseDeadline() {
        context?.eventLoop.assumeIsolated().scheduleTask(in: closeTimeout) { self.closeDeadlinePassed() }
    }

    private func closeDeadlinePassed() {
        switch handshake.deadlinePassed() {
        case .none: break
        case .abort: context?.channel.closeForcibly()
        }
    }

    /// Closes the connection once everything written is with the kernel.
    private func finish() {
        guard let context else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(NIOAny(context.channel.allocator.buffer(capacity: 0)), promise: promise)
        let channel = context.channel
        promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
    }
}
