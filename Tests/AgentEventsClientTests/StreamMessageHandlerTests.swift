import AgentEventsClient
import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@Suite struct StreamMessageHandlerTests {
    private static func text(_ text: String) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text))
    }

    /// What was written, before the encoder masks it.
    private static func sent(_ channel: EmbeddedChannel) throws -> (WebSocketOpcode, String, Bool)? {
        guard let frame = try channel.readOutbound(as: WebSocketFrame.self) else { return nil }
        return (frame.opcode, String(buffer: frame.data), frame.maskKey != nil)
    }

    @Test func aTextIsAMessage() throws {
        let channel = EmbeddedChannel(handler: StreamMessageHandler())
        try channel.writeInbound(Self.text(#"{"op":"live"}"#))
        let message = try channel.readInbound(as: ByteBuffer.self)
        #expect(message == ByteBuffer(string: #"{"op":"live"}"#))
        let answer = try Self.sent(channel)
        #expect(answer == nil)
    }

    @Test func pingsOfBothKindsAreAnsweredWithMaskedPongs() throws {
        let channel = EmbeddedChannel(handler: StreamMessageHandler())
        try channel.writeInbound(Self.text(#"{"op":"ping"}"#))
        var answer = try #require(try Self.sent(channel))
        #expect(answer == (.text, #"{"op":"pong"}"#, true))
        try channel.writeInbound(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer(string: "abc")))
        answer = try #require(try Self.sent(channel))
        #expect(answer == (.pong, "abc", true))
        let message = try channel.readInbound(as: ByteBuffer.self)
        #expect(message == nil)
    }

    @Test(arguments: [(1001, "bye"), (4401, "expired"), (1000, "")])
    func aCloseIsEchoedAndTellsItsCode(code: Int, reason: String) throws {
        let channel = EmbeddedChannel(handler: StreamMessageHandler())
        var payload = ByteBuffer()
        payload.writeInteger(UInt16(code))
        payload.writeString(reason)
        let error = #expect(throws: AgentEventsClientError.self) {
            try channel.writeInbound(WebSocketFrame(fin: true, opcode: .connectionClose, data: payload))
        }
        #expect(error?.closeCode == code)
        #expect(error?.message.contains(reason) == true)
        let echo = try #require(try channel.readOutbound(as: WebSocketFrame.self))
        #expect(echo.opcode == .connectionClose)
        var echoed = echo.data
        #expect(echoed.readInteger(as: UInt16.self) == UInt16(code))
        #expect(!channel.isActive)
    }

    @Test func aConnectionThatBreaksIsNoCleanEnd() throws {
        let channel = EmbeddedChannel(handler: StreamMessageHandler())
        channel.pipeline.fireChannelInactive()
        let error = #expect(throws: AgentEventsClientError.self) { try channel.throwIfErrorCaught() }
        #expect(error?.closeCode == 1006)
        #expect(error?.isRetryable == true)
    }

    @Test func aBinaryFrameIsAViolation() throws {
        let channel = EmbeddedChannel(handler: StreamMessageHandler())
        let error = #expect(throws: AgentEventsClientError.self) {
            try channel.writeInbound(WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(string: "x")))
        }
        #expect(error?.code == .protocolViolation)
        #expect(error?.closeCode == 1003)
    }

    @Test func aMessageThatIsTooLargeIsAViolation() throws {
        let channel = EmbeddedChannel(handler: StreamMessageHandler())
        channel.pipeline.fireErrorCaught(NIOWebSocketFrameAggregator.Error.accumulatedFrameSizeIsTooLarge)
        let error = #expect(throws: AgentEventsClientError.self) { try channel.throwIfErrorCaught() }
        #expect(error?.closeCode == 1009)
    }
}
