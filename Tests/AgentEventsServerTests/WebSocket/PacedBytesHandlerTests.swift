import NIOCore
import NIOEmbedded
import Testing

@testable import AgentEventsServer

struct PacedBytesHandlerTests {
    /// Counts the reads that reach the socket.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        private(set) var count = 0

        func read(context: ChannelHandlerContext) {
            count += 1
            context.read()
        }
    }

    /// Holds reads back, as a session does that wants nothing.
    private final class ReadGate: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var isOpen = true

        func read(context: ChannelHandlerContext) {
            if isOpen { context.read() }
        }
    }

    private final class Stage {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let reads = ReadCounter()
        let gate = ReadGate()

        init() throws {
            channel = EmbeddedChannel(loop: loop)
            try channel.pipeline.syncOperations.addHandlers([reads, PacedBytesHandler(), gate])
        }

        /// What has come through, in bytes of each piece.
        func pieces() throws -> [Int] {
            var counts: [Int] = []
            while let piece = try channel.readInbound(as: ByteBuffer.self) { counts.append(piece.readableBytes) }
            return counts
        }
    }

    @Test func aLargeReadComesInPiecesAndThenTheNext() throws {
        let stage = try Stage()
        try stage.channel.writeInbound(ByteBuffer(repeating: 1, count: 10_000))
        stage.loop.run()
        // Each asks for the next; the socket is read when nothing is held.
        #expect(try stage.pieces() == [4096, 4096, 1808])
        #expect(stage.reads.count == 1)
        try stage.channel.writeInbound(ByteBuffer(string: "x"))
        #expect(try stage.pieces() == [1])
    }

    @Test func nothingComesWithoutBeingAskedFor() throws {
        let stage = try Stage()
        stage.gate.isOpen = false
        try stage.channel.writeInbound(ByteBuffer(repeating: 1, count: 5000))
        stage.loop.run()
        try stage.channel.writeInbound(ByteBuffer(repeating: 2, count: 100))
        stage.loop.run()
        #expect(try stage.pieces() == [4096])
        #expect(stage.reads.count == 0)
        stage.gate.isOpen = true
        stage.channel.read()
        stage.loop.run()
        #expect(try stage.pieces() == [1004])
        #expect(stage.reads.count == 1)
    }

    /// All bytes come, in their order, also those before the end.
    @Test(arguments: [false, true])
    func nothingIsLostAtTheEnd(_ isHalfClosed: Bool) throws {
        let stage = try Stage()
        try stage.channel.writeInbound(ByteBuffer(repeating: 1, count: 100_000))
        try stage.channel.writeInbound(ByteBuffer(repeating: 2, count: 7))
        if isHalfClosed {
            stage.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            stage.channel.pipeline.fireChannelInactive()
        }
        var all = ByteBuffer()
        while var piece = try stage.channel.readInbound(as: ByteBuffer.self) { all.writeBuffer(&piece) }
        #expect(all.readableBytes == 100_007)
        #expect(all.readableBytesView.suffix(7).allSatisfy { $0 == 2 })
        #expect(all.readableBytesView.prefix(100_000).allSatisfy { $0 == 1 })
    }
}
