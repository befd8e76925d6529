import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import NIOWebSocket

/// The codec of one WebSocket: frames to messages, messages to frames, and the closing handshake (RFC 6455). Confined
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
        /// The client has closed, and is answered.
        case closed
    }

    let framing = StreamFraming.webSocket
    /// Whether less than the outbound watermark waits to be taken, as the channel has told.
    private(set) var isWritable = false
    /// Whether a call of the session is under way: what the channel tells meanwhile, the session is told later.
    private(set) var isBusy = false
    private var context: ChannelHandlerContext?
    private let bytes: PacedBytesHandler
    private var inbound: WebSocketInboundStateMachine<ByteBufferView>
    private var handshake = CloseHandshakeStateMachine()
    private let closeTimeout: TimeAmount
    /// Whether the session wants to hear of the client.
    private(set) var isReading = true
    private var hasPendingRead = false
    private var closingPace = ClosingPaceStateMachine()

    /// - Parameters:
    ///   - bytes: holds what has come and is not decoded yet.
    ///   - closeTimeout: how long the client may take to answer a close.
    init(_ bytes: PacedBytesHandler, maximumMessageByteCount: Int, closeTimeout: TimeAmount) {
        self.bytes = bytes
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
        if !bytes.passNext() { context.read() }
    }

    func receive(_ frame: WebSocketFrame) -> Received {
        let action = inbound.receive(
            .init(
                isFinal: frame.fin,
                hasReservedBits: frame.rsv1 || frame.rsv2 || frame.rsv3,
                opcode: UInt8(webSocketOpcode: frame.opcode),
                isMasked: frame.maskKey != nil,
                payload: frame.unmaskedData.readableBytesView
            ))
        switch action {
        case .none: return .nothing
        case .message(let payload):
            guard UTF8Validation.isValid(payload) else {
                return .violation(.invalidText, reason: "a text message is UTF-8")
            }
            return .message(ByteBuffer(payload))
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

    var pendingByteCount: Int {
        do {
            return try context?.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
        } catch {
            // A channel that is closed has none.
            return 0
        }
    }

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
            bytes.isClosing = true
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
