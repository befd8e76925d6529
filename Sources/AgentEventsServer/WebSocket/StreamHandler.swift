import AgentEvents
import Logging
import NIOCore
import NIOExtras
import NIOWebSocket

/// A WebSocket connection after its upgrade: turns frames into requests, and closes as RFC 6455 asks.
final class StreamHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let principal: Principal
    private let services: StreamServices
    private let loop: LoopDelivery.Handle
    private var inbound: WebSocketInboundStateMachine<ByteBufferView>
    private var malformed = MalformedMessageLimit()
    private var connection = ConnectionStateMachine()
    private var heartbeat: HeartbeatStateMachine
    private var progress: ProgressStateMachine
    private var session: StreamSession?
    private var context: ChannelHandlerContext?
    private var writtenByteCount: UInt64 = 0
    /// How many bytes of answers were written while the client took nothing.
    private var backlogByteCount = 0
    private var hasPendingRead = false
    /// Whether less than the outbound watermark waits to be taken, as the channel has told.
    private(set) var isWritable = false

    init(principal: Principal, services: StreamServices, loop: LoopDelivery.Handle) {
        self.principal = principal
        self.services = services
        self.loop = loop
        inbound = WebSocketInboundStateMachine(maximumMessageByteCount: services.limits.maximumMessageByteCount)
        heartbeat = HeartbeatStateMachine(interval: services.limits.heartbeatMilliseconds)
        progress = ProgressStateMachine(deadline: services.limits.stallMilliseconds)
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isWritable = context.channel.isWritable
        let session = StreamSession(
            ConnectionID(text: services.runtime.configuration.identifiers.text(prefix: "c")), principal: principal,
            services: services, loop: loop, output: self)
        self.session = session
        connection.welcomed()
        session.begin()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        connection.lost()
        session?.end()
        session = nil
        context = nil
        isWritable = false
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            backlogByteCount = 0
            session?.writabilityChanged()
            resumeReading()
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            session?.goAway(waitsForAnswers: true)
        case ChannelEvent.inputClosed:
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        heartbeat.received()
        let frame = unwrapInboundIn(data)
        let action = inbound.receive(
            .init(
                isFinal: frame.fin,
                hasReservedBits: frame.rsv1 || frame.rsv2 || frame.rsv3,
                opcode: UInt8(webSocketOpcode: frame.opcode),
                isMasked: frame.maskKey != nil,
                payload: frame.unmaskedData.readableBytesView
            ))
        switch action {
        case .none: break
        case .message(let payload): receive(payload)
        case .sendPong(let payload):
            let pong = WebSocketFraming.pong(ByteBuffer(payload), allocator: context.channel.allocator)
            countBacklog(pong)
            write(frames: pong)
        case .echoClose(let code): peerClosed(code)
        case .fail(let code, let reason): close(code, reason: reason)
        case .finish: peerClosed(nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        context.fireChannelReadComplete()
    }

    private func receive(_ payload: ByteBufferView) {
        guard UTF8Validation.isValid(payload) else {
            close(.invalidText, reason: "a text message is UTF-8")
            return
        }
        let message: ClientMessage
        do throws(ProtocolError) {
            message = try payload.withUnsafeBytes { (bytes) throws(ProtocolError) in
                try ClientMessage.decode(bytes, maximumBatchEvents: services.limits.maximumBatchEvents)
            }
        } catch {
            session?.send(.error(error))
            if !malformed.record(at: services.environment.monotonicMilliseconds) {
                close(
                    .protocolAbuse, reason: "more than \(MalformedMessageLimit.maximumCount) malformed messages in 10 s"
                )
            }
            return
        }
        session?.receive(message, byteCount: payload.count)
    }

    /// The decoder could not make sense of the bytes.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOWebSocketError.invalidFrameLength:
            close(.tooBig, reason: "a message has at most \(services.limits.maximumMessageByteCount) bytes")
        case is NIOWebSocketError:
            close(.protocolError, reason: "control frames are whole and have at most 125 bytes")
        default:
            services.logger.debug("connection lost", metadata: ["error.message": "\(error)"])
            context.close(promise: nil)
        }
    }

    /// Reading pauses while too much waits to be carried out, or too many answers to be taken.
    func read(context: ChannelHandlerContext) {
        if maySendRequests {
            context.read()
        } else {
            hasPendingRead = true
        }
    }

    private var maySendRequests: Bool {
        backlogByteCount < services.limits.maximumBacklogByteCount && session?.isOverloaded != true
    }

    // MARK: Sweeps

    /// The event loop looks at all of its connections.
    func sweep(elapsed milliseconds: UInt32) {
        let pending = pendingByteCount
        switch progress.sweep(
            elapsed: milliseconds, writtenByteCount: writtenByteCount, pendingByteCount: pending)
        {
        case .none: break
        case .close:
            services.metrics.closesSlowReader()
            let seconds = Double(services.limits.stallMilliseconds) / 1000
            return close(
                .heartbeatMissed, reason: "slow reader: nothing was read for \(seconds) s; resume at the cursor")
        }
        // A client that is not read from cannot be heard.
        switch heartbeat.sweep(elapsed: milliseconds, isBlocked: pending > 0 || hasPendingRead) {
        case .none: break
        case .send(let ping, let message):
            if ping { sendPing() }
            if message { write(ServerMessage.ping.encoded()) }
            flush()
        case .close:
            services.metrics.missesHeartbeat()
            close(.heartbeatMissed, reason: "heartbeat missed: nothing came since the last ping")
        }
    }

    /// How many bytes wait for the client to take them.
    private var pendingByteCount: Int {
        do {
            return try context?.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
        } catch {
            // A channel that is closed has none.
            return 0
        }
    }

    private func sendPing() {
        guard let context else { return }
        // Not `write(frames:)`: a client's code never sees a ping frame, so for it the connection is as silent as before.
        let frame = WebSocketFraming.ping(allocator: context.channel.allocator)
        writtenByteCount += UInt64(frame.readableBytes)
        context.write(wrapOutboundOut(frame), promise: nil)
    }

    // MARK: Closing

    private func peerClosed(_ code: WebSocketCloseCode?) {
        switch connection.peerClosed() {
        case .none: break
        case .echo:
            sendClose(code, reason: "")
            session?.end()
            setCloseDeadline()
            finish()
        case .finish: finish()
        }
    }

    private func sendClose(_ code: WebSocketCloseCode?, reason: String) {
        guard let context else { return }
        let frame = WebSocketFraming.close(code: code, reason: reason, allocator: context.channel.allocator)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    /// A peer that neither answers a close nor takes what was written is not waited for.
    private func setCloseDeadline() {
        guard let context else { return }
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(services.limits.closeMilliseconds)) {
            self.closeDeadlinePassed()
        }
    }

    private func closeDeadlinePassed() {
        switch connection.closeDeadlinePassed() {
        case .none: break
        case .abort: context?.channel.closeForcibly()
        }
    }

    /// Closes the connection once everything written is with the kernel.
    private func finish() {
        guard let context else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(capacity: 0)), promise: promise)
        let channel = context.channel
        promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
    }
}

extension StreamHandler: StreamOutput {
    var takesSubscriptions: Bool { connection.takesSubscriptions }
    var takesEmissions: Bool { connection.takesEmissions }

    func write(_ message: [UInt8]) {
        guard let context else { return }
        let frame = WebSocketFraming.text(message, allocator: context.channel.allocator)
        countBacklog(frame)
        write(frames: frame)
    }

    private func countBacklog(_ frame: ByteBuffer) {
        if !isWritable { backlogByteCount += frame.readableBytes }
    }

    func write(frames: ByteBuffer) {
        guard let context, connection.mayWrite else { return }
        heartbeat.wrote()
        writtenByteCount += UInt64(frames.readableBytes)
        context.write(wrapOutboundOut(frames), promise: nil)
    }

    func flush() { context?.flush() }

    func drain(reconnectMilliseconds: Int64) {
        switch connection.drain() {
        case .none: break
        case .announce:
            write(ServerMessage.drain(reconnectMilliseconds: reconnectMilliseconds).encoded())
            flush()
        }
    }

    func leave(isIdle: Bool) { act(on: connection.leave(isIdle: isIdle)) }

    func becameIdle() { act(on: connection.becameIdle()) }

    private func act(on action: ConnectionStateMachine.CloseAction) {
        switch action {
        case .none: break
        case .sendClose: beginClosing(.goingAway, reason: "the server is going away")
        }
    }

    func close(_ code: WebSocketCloseCode, reason: String) {
        switch connection.close() {
        case .none: break
        case .sendClose: beginClosing(code, reason: reason)
        }
    }

    private func beginClosing(_ code: WebSocketCloseCode, reason: String) {
        sendClose(code, reason: reason)
        inbound.close()
        session?.end()
        setCloseDeadline()
    }

    func resumeReading() {
        guard hasPendingRead, maySendRequests, let context else { return }
        hasPendingRead = false
        context.read()
    }
}
