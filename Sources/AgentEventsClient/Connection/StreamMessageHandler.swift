internal import AgentEventsProtocol
package import NIOCore
package import NIOWebSocket

/// Turns frames into messages: answers pings of both kinds at once, whatever the reader does, echoes the close frame,
/// and says how the connection ended.
///
/// It comes after the aggregator, so it sees whole messages only. Outbound messages do not pass through it.
package final class StreamMessageHandler: ChannelInboundHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias InboundOut = ByteBuffer
    package typealias OutboundOut = WebSocketFrame

    private static let ping = Array(#"{"op":"ping""#.utf8)
    private static let pong = ByteBuffer(string: #"{"op":"pong"}"#)

    /// Whether it is known how the connection ended; what comes later says nothing more.
    private var hasEnded = false

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasEnded else { return }
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            let payload = frame.unmaskedData
            if payload.readableBytesView.starts(with: Self.ping) {
                write(context, WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: Self.pong))
            } else {
                context.fireChannelRead(wrapInboundOut(payload))
            }
        case .ping:
            write(
                context, WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: frame.unmaskedData))
        case .pong:
            break
        case .connectionClose:
            didReceiveClose(context, frame.unmaskedData)
        default:
            let error = AgentEventsClientError(
                .protocolViolation, "the service sent a frame that is neither text nor control", closeCode: 1003)
            end(context, error, sending: .unacceptableData)
        }
    }

    private func didReceiveClose(_ context: ChannelHandlerContext, _ payload: ByteBuffer) {
        var payload = payload
        let code = payload.readInteger(as: UInt16.self).map(Int.init) ?? 1005
        let error = AgentEventsClientError(closeCode: code, reason: String(buffer: payload))
        end(context, error, sending: code == 1005 ? nil : WebSocketErrorCode(codeNumber: code))
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !hasEnded else { return }
        switch error {
        case let error as AgentEventsClientError:
            end(context, error, sending: .goingAway)
        case NIOWebSocketError.invalidFrameLength, NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge,
            NIOWebSocketFrameAggregator.Error.tooManyFragments:
            let tooLarge = AgentEventsClientError(
                .protocolViolation, "the service sent a message that is too large", closeCode: 1009, cause: error)
            end(context, tooLarge, sending: .messageTooLarge)
        case is NIOWebSocketError, is NIOWebSocketFrameAggregator.Error:
            let violation = AgentEventsClientError(
                .protocolViolation, "the service broke the WebSocket protocol: \(error)", closeCode: 1002, cause: error)
            end(context, violation, sending: .protocolError)
        default:
            let broken = AgentEventsClientError(
                .closed, "the connection broke: \((error as? IOError)?.words ?? "\(error)")", closeCode: 1006,
                cause: error)
            end(context, broken, sending: nil)
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if !hasEnded {
            hasEnded = true
            context.fireErrorCaught(
                AgentEventsClientError(.closed, "the connection ended without a close frame", closeCode: 1006))
        }
        context.fireChannelInactive()
    }

    private func end(
        _ context: ChannelHandlerContext,
        _ error: AgentEventsClientError,
        sending code: WebSocketErrorCode?
    ) {
        hasEnded = true
        var payload = ByteBuffer()
        if let code { payload.write(webSocketErrorCode: code) }
        write(
            context, WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: payload))
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    private func write(_ context: ChannelHandlerContext, _ frame: WebSocketFrame) {
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}
