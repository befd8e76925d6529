import AgentEvents
import NIOCore
import NIOHTTP1

/// Answers what is no HTTP with a JSON error, and closes the connection. Leaves when the connection becomes a WebSocket.
final class ParseErrorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Whether a request has begun and has not ended.
    private var isReceiving = false
    /// Whether a request is to be answered, or is being answered; then nothing can be said besides.
    private var isAnswering = false
    private var isClosing = false
    /// What came behind the request that is to be answered is no HTTP.
    private var closesAfterAnswer = false
    /// The client has asked for another protocol: what comes may be no HTTP, and is none of this handler's business.
    private var isUpgrading = false

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, !isUpgrading, !(isReceiving && isAnswering) else {
            return context.fireErrorCaught(error)
        }
        guard !isClosing else { return }
        // The request before is whole, and gets its answer.
        guard !isAnswering else {
            closesAfterAnswer = true
            return
        }
        let failure = ProtocolError(.requestInvalid, "the request is not HTTP as it should be")
        let body = ByteBuffer(bytes: failure.body.encoded())
        let headers = HTTPHeaders([
            ("Content-Type", "application/json"), ("Content-Length", "\(body.readableBytes)"), ("Connection", "close"),
        ])
        isClosing = true
        // Whoever reads the body is to know that it is not whole, or would take it as it is.
        if isReceiving { context.fireErrorCaught(error) }
        let head = HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isUpgrading else { return context.fireChannelRead(data) }
        switch unwrapInboundIn(data) {
        case .head(let head):
            isReceiving = true
            isUpgrading = head.headers.contains(name: "Upgrade")
        case .body: break
        case .end:
            isReceiving = false
            isAnswering = true
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
        case .head(let head): if !head.isInformational { isAnswering = true }
        case .body: break
        case .end: isAnswering = false
        }
        context.write(data, promise: promise)
        guard closesAfterAnswer, !isAnswering else { return }
        isClosing = true
        context.flush()
        context.close(promise: nil)
    }
}

extension HTTPResponseHead {
    /// Whether another head follows.
    fileprivate var isInformational: Bool { 100 <= status.code && status.code < 200 && status.code != 101 }
}
