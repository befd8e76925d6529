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

    /// Asks as ``StreamHandler`` does, and holds reads back, as a session does that wants nothing.
    private final class ReadGate: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var isOpen = true
        private let bytes: PacedBytesHandler

        init(_ bytes: PacedBytesHandler) { self.bytes = bytes }

        func read(context: ChannelHandlerContext) {
            if isOpen, !bytes.passNext() { context.read() }
        }
    }

    private final class Stage {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let reads = ReadCounter()
        let gate: ReadGate
        let bytes = PacedBytesHandler()

        init() throws {
            channel = EmbeddedChannel(loop: loop)
            gate = ReadGate(bytes)
            try channel.pipeline.syncOperations.addHandlers([reads, bytes, gate])
        }

        /// What has come through, in bytes of each piece.
        func pieces() throws -> [Int] {
            var counts: [Int] = []
            while let piece = try channel.readInbound(as: ByteBuffer.self) { counts.append(piece.readableBytes) }
            return counts
        }
    }

    private static let maximum = FrameCutStateMachine.maximumFrameCount

    /// Frames of seven bytes.
    private static func frames(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: Array(repeatElement([0x81, 0x81, 1, 2, 3, 4, 5] as [UInt8], count: count).joined()))
    }

    @Test func aUsualReadPassesAtOnce() throws {
        let stage = try Stage()
        try stage.channel.writeInbound(Self.frames(Self.maximum - 1))
        #expect(try stage.pieces() == [7 * (Self.maximum - 1)])
        // A large message is one frame.
        try stage.channel.writeInbound(
            ByteBuffer(bytes: [0x81, 0xfe, 0xff, 0xff, 1, 2, 3, 4] + [UInt8](repeating: 1, count: 60_000)))
        #expect(try stage.pieces() == [60_008])
    }

    @Test func manyFramesComeInTurnsAndThenTheNext() throws {
        let stage = try Stage()
        try stage.channel.writeInbound(Self.frames(2 * Self.maximum + 10))
        #expect(try stage.pieces() == [7 * Self.maximum])
        stage.loop.run()
        // Each asks for the next; the socket is read when nothing is held.
        #expect(try stage.pieces() == [7 * Self.maximum, 70])
        #expect(stage.reads.count == 1)
        try stage.channel.writeInbound(ByteBuffer(bytes: [0x81]))
        #expect(try stage.pieces() == [1])
    }

    @Test func nothingComesWithoutBeingAskedFor() throws {
        let stage = try Stage()
        stage.gate.isOpen = false
        try stage.channel.writeInbound(Self.frames(Self.maximum + 1))
        stage.loop.run()
        try stage.channel.writeInbound(Self.frames(2))
        stage.loop.run()
        #expect(try stage.pieces() == [7 * Self.maximum])
        #expect(stage.reads.count == 0)
        stage.gate.isOpen = true
        stage.channel.read()
        stage.loop.run()
        #expect(try stage.pieces() == [21])
        #expect(stage.reads.count == 1)
    }

    /// All bytes come, in their order, also those before the end.
    @Test(arguments: [false, true])
    func nothingIsLostAtTheEnd(_ isHalfClosed: Bool) throws {
        let stage = try Stage()
        try stage.channel.writeInbound(Self.frames(1000))
        try stage.channel.writeInbound(ByteBuffer(repeating: 2, count: 7))
        if isHalfClosed {
            stage.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            stage.channel.pipeline.fireChannelInactive()
        }
        var all = ByteBuffer()
        while var piece = try stage.channel.readInbound(as: ByteBuffer.self) { all.writeBuffer(&piece) }
        #expect(all.readableBytes == 7007)
        #expect(all.readableBytesView.suffix(7).allSatisfy { $0 == 2 })
        #expect(all.readableBytesView.prefix(7000) == Self.frames(1000).readableBytesView)
    }

    /// A client that was closed and goes has nothing to say: what it has flooded with is not dealt with in one turn.
    @Test(arguments: [false, true])
    func whatIsHeldOfAClosedConnectionIsPassedOver(_ isHalfClosed: Bool) throws {
        let stage = try Stage()
        try stage.channel.writeInbound(Self.frames(Self.maximum + 1000))
        #expect(try stage.pieces() == [7 * Self.maximum])
        stage.bytes.isClosing = true
        if isHalfClosed {
            stage.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            stage.channel.pipeline.fireChannelInactive()
        }
        #expect(try stage.pieces() == [])
    }
}
