import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers input that is not HTTP, or did not come in time, with a JSON error, and closes the connection. Leaves when the
/// connection becomes a WebSocket.
///
/// Requests come ahead of the answers to those before. Each whole request gets its answer, whatever comes after it.
final class ParseErrorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Whether a request has begun and has not ended. It is the last one.
    private var isReceiving = false
    /// The number of requests whose answers have not ended.
    private var unansweredCount = 0
    /// Whether the answer to the first of them has begun; then nothing else can be said in its place.
    private var isAnswering = false
    /// The input was not HTTP, and the connection takes no more of it.
    private var hasFailed = false
    private var isClosing = false
    private var failure = ProtocolError(.requestInvalid, "the request is not HTTP as it should be")
    /// The origin of the page that the last request is from.
    private var origin: String?
    private let origins: OriginPolicy
    /// The client has asked for another protocol: what follows need not be HTTP, and does not concern this handler.
    private var isUpgrading = false

    private let onFailure: (RequestFailure) -> Void

    /// - Parameter onFailure: is told of input that is not a request as it should be, once.
    init(origins: OriginPolicy, onFailure: @escaping (RequestFailure) -> Void = { _ in }) {
        self.origins = origins
        self.onFailure = onFailure
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // Nothing else may be said in the middle of an upgrade.
        case is RequestTimeout where isUpgrading:
            onFailure(.late)
            close(context)
        case is RequestTimeout: fail(error, Self.timedOut, context)
        case HTTPParserError.headerOverflow where !isUpgrading: fail(error, Self.headersTooLarge, context)
        case is HTTPParserError where !isUpgrading: fail(error, failure, context)
        default: context.fireErrorCaught(error)
        }
    }

    private func fail(_ error: any Error, _ failure: ProtocolError, _ context: ChannelHandlerContext) {
        guard !isClosing, !hasFailed else { return }
        hasFailed = true
        switch failure.code {
        case .requestTimedOut: onFailure(.late)
        case .headersTooLarge: onFailure(.headersTooLarge)
        default: onFailure(.invalid)
        }
        self.failure = failure
        isClosing = mayRefuse
        // The reader of the body must learn that it is incomplete, or it would take the part for the whole.
        if isReceiving { context.fireErrorCaught(error) }
        if isClosing {
            refuse(context)
        } else if unansweredCount == 0 {
            close(context)
        }
    }

    /// Whether the next answer is the one to input that is not HTTP: all before it are given, and it has not begun.
    /// After a request that is whole there is none.
    private var mayRefuse: Bool { !isAnswering && unansweredCount == (isReceiving ? 1 : 0) }

    private func refuse(_ context: ChannelHandlerContext) {
        // Of a head that cannot be read the origin is not known.
        let headers = origins.answerHeaders(to: isReceiving ? origin : nil)
        let answer = ClosingAnswer(
            status: failure.status.code, error: failure, headers: headers.map { (name: $0.name, value: $0.value) })
        for part in answer.parts { context.write(wrapOutboundOut(part), promise: nil) }
        close(context)
    }

    private static let headersTooLarge = ProtocolError(
        .headersTooLarge,
        "the head of a request has at most \(HTTPLimits.headByteCount) bytes and \(HTTPLimits.fieldCount) headers, and the "
            + "path and each value at most \(HTTPLimits.fieldByteCount) bytes")

    private static let timedOut = ProtocolError(
        .requestTimedOut,
        "the request did not come in time: a head has 10 seconds, and a body 30 seconds and one more for each 16 KiB",
        isRetryable: true)

    private static let notOneHost = ProtocolError(.requestInvalid, "a request has one header Host")

    private func close(_ context: ChannelHandlerContext) {
        isClosing = true
        context.flush()
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isUpgrading else { return context.fireChannelRead(data) }
        // What follows of a request that was refused is nobody's.
        guard !hasFailed else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            isReceiving = true
            unansweredCount += 1
            // RFC 9112, section 3.2. Which of two counts is a matter of taste, and who asks for both wants to find out.
            let hostCount = head.headers["Host"].count
            guard hostCount == 1 || hostCount == 0 && head.version == .http1_0 else {
                return fail(HTTPParserError.invalidHeaderToken, Self.notOneHost, context)
            }
            isUpgrading = head.headers.contains(name: "Upgrade")
            origin = head.headers.first(name: "Origin")
        case .body: break
        case .end: isReceiving = false
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard !isUpgrading else { return context.write(data, promise: promise) }
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if !head.isInformational { isAnswering = true }
            context.write(data, promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            isAnswering = false
            unansweredCount -= 1
            context.write(data, promise: promise)
            if hasFailed { didAnswer(context) }
        }
    }

    /// An answer to a request before what is no HTTP.
    private func didAnswer(_ context: ChannelHandlerContext) {
        if unansweredCount == 0 {
            close(context)
        } else if mayRefuse {
            isClosing = true
            refuse(context)
        }
    }
}

extension HTTPResponseHead {
    /// Whether another head follows.
    fileprivate var isInformational: Bool { 100 <= status.code && status.code < 200 && status.code != 101 }
}
