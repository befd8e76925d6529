import AgentEventsHub
package import AgentEventsProtocol
package import NIOCore
import NIOExtras

/// What comes from the client of a ``MessageWebSocket``. Called on the event loop of its channel.
package protocol WebSocketReceiver: AnyObject {
    func received(text: ByteBuffer)
    func received(binary: ByteBuffer)
    /// Everything of a read was told.
    func readComplete()
    /// The server that carries the connection stops.
    func serverStops()
    /// The connection is gone, or its client has said goodbye. It is the last.
    func closed()
}

/// A WebSocket of a protocol of others: its channel, for those who write to it. From any thread.
package final class MessageWebSocket: Sendable {
    package let channel: any Channel

    init(_ channel: any Channel) { self.channel = channel }

    /// Appends the frame of a text message to bytes for ``send(_:)``.
    package static func appendText(_ text: some Collection<UInt8>, to buffer: inout ByteBuffer) {
        WebSocketFraming.appendText(text, to: &buffer)
    }

    /// Appends the frame of a binary message to bytes for ``send(_:)``.
    package static func appendBinary(_ bytes: some Collection<UInt8>, to buffer: inout ByteBuffer) {
        WebSocketFraming.appendBinary(bytes, to: &buffer)
    }

    /// Sends whole frames.
    ///
    /// - Returns: succeeds when the kernel has them.
    package func send(_ frames: ByteBuffer) -> EventLoopFuture<Void> { channel.writeAndFlush(frames) }

    /// Ends the connection; what was sent goes out first.
    package func close(_ code: StreamCloseCode, reason: String) {
        channel.pipeline.fireUserInboundEventTriggered(CloseRequest(code: code, reason: reason))
    }

    /// Switches reading from the client on or off.
    package func setReading(_ isEnabled: Bool) {
        channel.pipeline.fireUserInboundEventTriggered(ReadingRequest(isEnabled: isEnabled))
    }

    struct CloseRequest: Sendable {
        let code: StreamCloseCode
        let reason: String
    }

    struct ReadingRequest: Sendable { let isEnabled: Bool }
}

/// The codec of a ``MessageWebSocket``: bytes to messages, and the closing handshake (RFC 6455).
final class MessageWebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let begin: (MessageWebSocket) -> any WebSocketReceiver
    private var receiver: (any WebSocketReceiver)?
    private var frames: InboundFrames
    private var inbound: WebSocketInboundStateMachine<ByteBufferView>
    private var handshake = CloseHandshakeStateMachine()
    private var pace = ClosingPaceStateMachine()
    private let closeTimeout: TimeAmount
    private var isReading = true
    private var hasPendingRead = false
    private var isTurnScheduled = false
    /// The answers to pings that the client has not taken.
    private var waitingPongCount = 0
    private static let maximumWaitingPongCount = 16
    private let messageTime: TimeAmount
    private var messageDeadline: Scheduled<Void>?

    init(
        maximumMessageByteCount: Int,
        closeTimeout: TimeAmount,
        begin: @escaping (MessageWebSocket) -> any WebSocketReceiver
    ) {
        self.begin = begin
        self.closeTimeout = closeTimeout
        messageTime = .milliseconds(RequestTimeStateMachine.Limits().body)
        frames = InboundFrames(maximumFrameByteCount: maximumMessageByteCount)
        inbound = WebSocketInboundStateMachine(
            maximumMessageByteCount: maximumMessageByteCount, takesBinary: true)
    }

    func handlerAdded(context: ChannelHandlerContext) { receiver = begin(MessageWebSocket(context.channel)) }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        handshake.lost()
        frames.removeAll()
        messageDeadline?.cancel()
        receiver?.closed()
        receiver = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let request as MessageWebSocket.CloseRequest: close(request.code, request.reason, context)
        case let request as MessageWebSocket.ReadingRequest: setReading(request.isEnabled, context)
        case is ChannelShouldQuiesceEvent: receiver?.serverStops()
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !frames.isBroken else { return context.close(promise: nil) }
        let isHolding = frames.isHolding
        frames.append(unwrapInboundIn(data))
        if !isHolding { pass(context) }
    }

    private func pass(_ context: ChannelHandlerContext) {
        do throws(InboundFrames.Violation) {
            while let frame = try frames.next() { receive(inbound.receive(frame), context) }
        } catch {
            close(.tooBig, "a frame is longer than it may be", context)
        }
        watchMessage(context)
    }

    private func receive(
        _ action: WebSocketInboundStateMachine<ByteBufferView>.Action,
        _ context: ChannelHandlerContext
    ) {
        switch action {
        case .none: break
        case .message(let payload):
            guard UTF8Validation.isValid(payload) else {
                return close(.invalidText, "a text message is UTF-8", context)
            }
            receiver?.received(text: ByteBuffer(payload))
        case .binary(let payload): receiver?.received(binary: ByteBuffer(payload))
        case .sendPong(let payload): sendPong(ByteBuffer(payload), context)
        case .fail(let code, let reason): close(code, reason, context)
        case .echoClose(let code):
            guard case .echo = handshake.peerClosed() else { return }
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFraming.close(code: code, reason: "", allocator: context.channel.allocator)),
                promise: nil)
            finish(context)
        case .finish:
            if case .finish = handshake.peerClosed() { finish(context) }
        }
    }

    /// A client that asks and takes no answers is asked for nothing: RFC 6455 lets all but the last answer be left out.
    private func sendPong(_ payload: ByteBuffer, _ context: ChannelHandlerContext) {
        guard handshake.isOpen, waitingPongCount < Self.maximumWaitingPongCount else { return }
        waitingPongCount += 1
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.waitingPongCount -= 1 }
        context.write(
            wrapOutboundOut(WebSocketFraming.pong(payload, allocator: context.channel.allocator)), promise: written)
    }

    /// A message in fragments has as much time as the body of a request.
    private func watchMessage(_ context: ChannelHandlerContext) {
        guard inbound.fragmentedByteCount != nil else {
            messageDeadline?.cancel()
            messageDeadline = nil
            return
        }
        guard messageDeadline == nil else { return }
        messageDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: messageTime) {
            self.close(.heartbeatMissed, "a message in fragments did not come in time", context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        receiver?.readComplete()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        guard isReading else {
            hasPendingRead = true
            return
        }
        if frames.isHolding { return scheduleTurn(context) }
        guard handshake.isClosing else { return context.read() }
        switch pace.reads() {
        case .read: context.read()
        case .wait: break
        case .rest:
            context.eventLoop.assumeIsolated().scheduleTask(
                in: .milliseconds(ClosingPaceStateMachine.pauseMilliseconds)
            ) {
                if self.pace.rested() { self.read(context: context) }
            }
        }
    }

    private func scheduleTurn(_ context: ChannelHandlerContext) {
        guard !isTurnScheduled else { return }
        isTurnScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isTurnScheduled = false
            guard self.frames.isHolding else { return }
            self.frames.beginTurn()
            self.pass(context)
            self.channelReadComplete(context: context)
            self.read(context: context)
        }
    }

    private func setReading(_ isEnabled: Bool, _ context: ChannelHandlerContext) {
        isReading = isEnabled
        guard isEnabled, hasPendingRead else { return }
        hasPendingRead = false
        read(context: context)
    }

    // MARK: Closing

    private func close(_ code: StreamCloseCode, _ reason: String, _ context: ChannelHandlerContext) {
        guard case .sendClose = handshake.close() else { return }
        inbound.close()
        context.writeAndFlush(
            wrapOutboundOut(WebSocketFraming.close(code: code, reason: reason, allocator: context.channel.allocator)),
            promise: nil)
        let channel = context.channel
        context.eventLoop.assumeIsolated().scheduleTask(in: closeTimeout) {
            if case .abort = self.handshake.deadlinePassed() { channel.closeForcibly() }
        }
        receiver?.closed()
        receiver = nil
        // The answer of the peer is waited for, whatever was said before.
        setReading(true, context)
    }

    /// Closes the connection once everything written is with the kernel.
    private func finish(_ context: ChannelHandlerContext) {
        receiver?.closed()
        receiver = nil
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(channel.allocator.buffer(capacity: 0)), promise: written)
        context.eventLoop.assumeIsolated().scheduleTask(in: closeTimeout) {
            if channel.isActive { channel.closeForcibly() }
        }
    }
}
