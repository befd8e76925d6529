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
    private var session: StreamSession?
    private var context: ChannelHandlerContext?
    private var isClosing = false
    private var hasWritten = false
    private var hasPendingRead = false

    init(principal: Principal, services: StreamServices, loop: LoopDelivery.Handle) {
        self.principal = principal
        self.services = services
        self.loop = loop
        inbound = WebSocketInboundStateMachine(maximumMessageByteCount: services.limits.maximumMessageByteCount)
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let session = StreamSession(principal: principal, services: services, loop: loop, output: self)
        self.session = session
        session.begin(ConnectionID(text: services.runtime.configuration.identifiers.text(prefix: "c")))
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        session?.end()
        session = nil
        context = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { session?.writabilityChanged() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            close(.goingAway, reason: "the server is going away")
        case ChannelEvent.inputClosed:
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
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
            write(frames: WebSocketFraming.pong(ByteBuffer(payload), allocator: context.channel.allocator))
        case .echoClose(let code):
            isClosing = true
            sendClose(code, reason: "")
            finish()
        case .fail(let code, let reason): close(code, reason: reason)
        case .finish: finish()
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
            let now = Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000)
            if !malformed.record(at: now) {
                close(
                    .protocolAbuse, reason: "more than \(MalformedMessageLimit.maximumCount) malformed messages in 10 s"
                )
            }
            return
        }
        do throws(ProtocolError) {
            try session?.receive(message)
        } catch {
            session?.send(.error(error.answering(message.tag)))
        }
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

    /// Reading pauses while too much waits to be emitted.
    func read(context: ChannelHandlerContext) {
        if session?.isOverloaded == true {
            hasPendingRead = true
        } else {
            context.read()
        }
    }

    // MARK: Closing

    private func sendClose(_ code: WebSocketCloseCode?, reason: String) {
        guard let context else { return }
        let frame = WebSocketFraming.close(code: code, reason: reason, allocator: context.channel.allocator)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
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
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ message: [UInt8]) {
        guard let context else { return }
        write(frames: WebSocketFraming.text(message, allocator: context.channel.allocator))
    }

    func write(frames: ByteBuffer) {
        guard let context, !isClosing else { return }
        hasWritten = true
        context.write(wrapOutboundOut(frames), promise: nil)
    }

    func flush() { context?.flush() }

    func close(_ code: WebSocketCloseCode, reason: String) {
        guard let context, !isClosing else { return }
        sendClose(code, reason: reason)
        isClosing = true
        inbound.close()
        session?.end()
        let channel = context.channel
        // The peer answers with a close of its own; one that does not is not waited for.
        context.eventLoop.scheduleTask(in: .seconds(services.limits.closeSeconds)) { channel.close(promise: nil) }
    }

    func resumeReading() {
        guard hasPendingRead, let context else { return }
        hasPendingRead = false
        context.read()
    }

    func takeHasWritten() -> Bool {
        defer { hasWritten = false }
        return hasWritten
    }
}
