import NIOCore
import NIOEmbedded
import Testing

@testable import AgentEventsClient

/// The goodbye of TLS is read although nobody reads any longer.
@Suite struct GoodbyeHandlerTests {
    /// In the place of TLS, which is asked for more and does not close before the other side has said goodbye.
    private final class Security: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var notes: [String] = []
        var isOver = false

        func read(context: ChannelHandlerContext) { notes.append("read") }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            notes.append("close")
            if isOver { context.close(mode: mode, promise: promise) } else { promise?.succeed() }
        }
    }

    /// In the place of a reader that has enough.
    private final class Reader: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer

        var readCount = 0

        func read(context: ChannelHandlerContext) {}
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { readCount += 1 }
    }

    @Test func whatIsClosedIsReadUntilItIsGone() throws {
        let (security, reader, channel) = (Security(), Reader(), EmbeddedChannel())
        try channel.pipeline.syncOperations.addHandlers([security, GoodbyeHandler(), reader])
        channel.pipeline.read()
        try channel.writeInbound(ByteBuffer(string: "an event"))
        #expect(reader.readCount == 1)
        #expect(security.notes == [])
        channel.pipeline.close(promise: nil)
        #expect(security.notes == ["close", "read"])
        // Something else comes before the goodbye, and is not of interest.
        try channel.writeInbound(ByteBuffer(string: "an event"))
        #expect(security.notes == ["close", "read", "read"])
        #expect(reader.readCount == 1)
        security.isOver = true
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    /// A side that is closed alone is no end.
    @Test func halfOfACloseIsNoGoodbye() throws {
        let (security, channel) = (Security(), EmbeddedChannel())
        try channel.pipeline.syncOperations.addHandlers([security, GoodbyeHandler()])
        channel.pipeline.close(mode: .output, promise: nil)
        #expect(security.notes == ["close"])
        security.isOver = true
        _ = try channel.finish(acceptAlreadyClosed: true)
    }
}
