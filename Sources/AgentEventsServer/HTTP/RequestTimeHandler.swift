import NIOCore
import NIOHTTP1

/// A request that did not come in its time.
struct RequestTimeout: Error {}

/// Watches the time that a request takes to come. One that takes too long is an error for the handlers after this one:
/// ``ParseErrorHandler`` answers it.
final class RequestTimeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var machine: RequestTimeStateMachine
    private var timer: Scheduled<Void>?
    /// What follows an upgrade are bytes.
    private var isUpgrading = false

    init(_ limits: RequestTimeStateMachine.Limits = .init()) { machine = RequestTimeStateMachine(limits) }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isUpgrading else { return context.fireChannelRead(data) }
        switch unwrapInboundIn(data) {
        case .head(let head):
            isUpgrading = head.method == .GET && head.headers.contains(name: "Upgrade")
            machine.receivedHead(
                awaitsWord: head.version != .http1_0 && head.headers.contains(name: "Expect"), at: Self.now(context))
        case .body(let bytes): machine.receivedBody(byteCount: bytes.readableBytes, at: Self.now(context))
        case .end: machine.receivedEnd()
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !isUpgrading {
            machine.readComplete(at: Self.now(context))
            setTimer(context)
        }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        machine.reads(at: Self.now(context))
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if !isUpgrading, case .head(let head) = unwrapOutboundIn(data), head.status == .continue {
            machine.gaveWord(at: Self.now(context))
            setTimer(context)
        }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { machine.inputClosed() }
        context.fireUserInboundEventTriggered(event)
    }

    /// One timer at a time, and none for a request that came with all of its bytes.
    private func setTimer(_ context: ChannelHandlerContext) {
        guard let deadline = machine.deadline else {
            timer?.cancel()
            timer = nil
            return
        }
        if timer == nil { setTimer(at: deadline, context) }
    }

    private func setTimer(at deadline: Int64, _ context: ChannelHandlerContext) {
        let deadline = NIODeadline.uptimeNanoseconds(UInt64(max(0, deadline)) * 1_000_000)
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired(context) }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer = nil
        switch machine.deadlinePassed(at: Self.now(context)) {
        case .none: break
        case .wait(let time): setTimer(at: time, context)
        case .timeOut: context.fireErrorCaught(RequestTimeout())
        }
    }

    /// Rounded up, so that a timer that fires finds its time over.
    private static func now(_ context: ChannelHandlerContext) -> Int64 {
        Int64(clamping: (context.eventLoop.now.uptimeNanoseconds + 999_999) / 1_000_000)
    }
}
