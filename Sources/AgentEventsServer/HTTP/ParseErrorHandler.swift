import AgentEvents
import NIOCore
import NIOHTTP1

/// Answers what is no HTTP with a JSON error, and closes the connection. Leaves when the connection becomes a WebSocket.
final class ParseErrorHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Whether an answer is under way; then nothing can be said any more.
    private var isAnswering = false
    private var isClosing = false

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, !isAnswering else { return context.fireErrorCaught(error) }
        guard !isClosing else { return }
        let failure = ProtocolError(.requestInvalid, "the request is not HTTP as it should be")
        let body = ByteBuffer(bytes: failure.body.encoded())
        let headers = HTTPHeaders([
            ("Content-Type", "application/json"), ("Content-Length", "\(body.readableBytes)"), ("Connection", "close"),
        ])
        isClosing = true
        let head = HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let head): isAnswering = !head.isInformational
        case .body: break
        case .end: isAnswering = false
        }
        context.write(data, promise: promise)
    }
}

extension HTTPResponseHead {
    /// Whether another head follows.
    fileprivate var isInformational: Bool { 100 <= status.code && status.code < 200 && status.code != 101 }
}
