import NIOCore
import NIOExtras
import NIOHTTP1

/// Says `100 Continue` to clients that wait for it once their body is wanted, and closes connections whose request was
/// answered before its body came, so that the client can read the answer first.
final class RequestBodyHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Sent up the pipeline, as an outbound event, by who begins to read a body.
    struct BodyWanted: Sendable {}

    /// The time that a client has for a body that is not wanted and for the answer, and how long it may be silent meanwhile.
    struct Deadlines: Sendable {
        var total = TimeAmount.seconds(30)
        var silence = TimeAmount.seconds(5)
    }

    private var machine = RequestBodyStateMachine()
    private let deadlines: Deadlines
    private var totalDeadline: Scheduled<Void>?
    private var silenceDeadline: Scheduled<Void>?
    private var hasReceived = false
    /// Succeeds, or fails, when the last answer that has ended is with the kernel: a close before would cut it off.
    private var answerWritten: EventLoopFuture<Void>?

    init(deadlines: Deadlines = Deadlines()) { self.deadlines = deadlines }

    func handlerRemoved(context: ChannelHandlerContext) { cancelDeadlines() }

    func channelInactive(context: ChannelHandlerContext) {
        cancelDeadlines()
        context.fireChannelInactive()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasReceived = true
        switch unwrapInboundIn(data) {
        case .head(var head):
            // HTTP/1.0 knows no expectations, and its clients wait for nothing.
            if head.version == .http1_0 { head.headers.remove(name: "expect") }
            let action = machine.receivedHead(
                expectsContinue: head.expectsContinue, byteCount: head.announcedByteCount)
            act(on: action, wrapInboundOut(.head(head)), context)
        case .body(let bytes):
            act(on: machine.receivedBody(byteCount: bytes.readableBytes), data, context)
        case .end:
            act(on: machine.receivedEnd(), data, context)
        }
    }

    private func act(
        on action: RequestBodyStateMachine.InboundAction,
        _ data: NIOAny,
        _ context: ChannelHandlerContext
    ) {
        switch action {
        case .pass: context.fireChannelRead(data)
        case .drop: break
        case .close: closeWhenWritten(context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // The handlers after this one may have no use for more, and would not ask.
        if machine.isDraining { context.read() }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is BodyWanted else { return context.triggerUserOutboundEvent(event, promise: promise) }
        switch machine.bodyWanted() {
        case .none: break
        case .sendContinue:
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        }
        promise?.succeed()
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            switch machine.answerBegins() {
            case .pass: context.write(data, promise: promise)
            case .announceClose:
                head.headers.replaceOrAdd(name: "Connection", value: "close")
                context.write(wrapOutboundOut(.head(head)), promise: promise)
            }
        case .body:
            context.write(data, promise: promise)
        case .end:
            let end = machine.answerEnds()
            guard end != .none else { return context.write(data, promise: promise) }
            let written = promise ?? context.eventLoop.makePromise()
            answerWritten = written.futureResult
            context.write(data, promise: written)
            context.flush()
            switch end {
            case .none: break
            case .drain:
                setDeadlines(context)
                context.read()
            case .close:
                closeWhenWritten(context)
            }
        }
    }

    // MARK: The end

    private func setDeadlines(_ context: ChannelHandlerContext) {
        setTotalDeadline(context)
        setSilenceDeadline(context)
    }

    private func setTotalDeadline(_ context: ChannelHandlerContext) {
        guard totalDeadline == nil else { return }
        totalDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: deadlines.total) {
            context.close(promise: nil)
        }
    }

    private func setSilenceDeadline(_ context: ChannelHandlerContext) {
        hasReceived = false
        silenceDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: deadlines.silence) {
            if self.hasReceived {
                self.setSilenceDeadline(context)
            } else {
                self.endDraining(context)
            }
        }
    }

    private func cancelDeadlines() {
        totalDeadline?.cancel()
        silenceDeadline?.cancel()
    }

    private func endDraining(_ context: ChannelHandlerContext) {
        if machine.drainEnds() { closeWhenWritten(context) }
    }

    /// Closes once the client has been given the answer, or the total time is over.
    private func closeWhenWritten(_ context: ChannelHandlerContext) {
        silenceDeadline?.cancel()
        guard let answerWritten else { return context.close(promise: nil) }
        setTotalDeadline(context)
        answerWritten.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A service that stops does not wait for what it would drop.
        if event is ChannelShouldQuiesceEvent { endDraining(context) }
        context.fireUserInboundEventTriggered(event)
    }
}

extension HTTPRequestHead {
    /// Whether the client waits for `100 Continue`.
    fileprivate var expectsContinue: Bool {
        headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
    }

    /// Whether the request has a body.
    var hasBody: Bool { announcedByteCount != 0 }

    /// The size of the body; `nil` when the head does not say.
    fileprivate var announcedByteCount: Int? {
        if headers.contains(name: "transfer-encoding") { return nil }
        return headers.first(name: "content-length").map { Int($0) } ?? 0
    }
}
