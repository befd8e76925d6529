import NIOCore
import NIOWebSocket
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// What comes from one client is dealt with a number of frames at a time, each in a turn of the loop (SEC-61).
struct FrameTurnTests {
    private static let maximum = Int(InboundFrames.maximumFrameCount)

    private static func withStream(
        _ change: (inout StreamLimits) -> Void = { _ in },
        _ body: (EmbeddedStream) throws -> Void
    ) throws {
        var limits = StreamLimits()
        change(&limits)
        let stream = try EmbeddedStream(limits: limits)
        defer { stream.finish() }
        #expect(try stream.sent() == ["welcome"])
        try body(stream)
    }

    /// Each is answered with a pong.
    private static func pings(_ count: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        for _ in 0..<count {
            var frame = EmbeddedStream.frame(.ping, "1")
            bytes.writeBuffer(&frame)
        }
        return bytes
    }

    private static func pongCount(_ stream: EmbeddedStream) throws -> Int {
        let words = try stream.sent()
        #expect(words.allSatisfy { $0 == "(pong)" })
        return words.count
    }

    @Test func aUsualReadIsDealtWithAtOnce() throws {
        try Self.withStream { stream throws in
            stream.receive(Self.pings(Self.maximum - 1))
            #expect(try Self.pongCount(stream) == Self.maximum - 1)
            stream.run()
            #expect(stream.readCount == 0)
        }
    }

    @Test func manyFramesComeInTurnsAndThenTheNext() throws {
        try Self.withStream { stream throws in
            stream.receive(Self.pings(2 * Self.maximum + 10))
            #expect(try Self.pongCount(stream) == Self.maximum)
            #expect(stream.readCount == 0)
            // Each turn asks for the next; the socket is read when nothing is held.
            stream.run()
            #expect(try Self.pongCount(stream) == Self.maximum + 10)
            #expect(stream.readCount == 1)
            stream.receive(Self.pings(1))
            #expect(try Self.pongCount(stream) == 1)
        }
    }

    @Test func nothingComesWithoutBeingAskedFor() throws {
        try Self.withStream({ $0.maximumBacklogByteCount = 1 }) { stream throws in
            stream.setWritable(false)
            stream.receive(Self.pings(Self.maximum + 1))
            #expect(try Self.pongCount(stream) == Self.maximum)
            stream.run()
            stream.receive(Self.pings(2))
            stream.run()
            #expect(try Self.pongCount(stream) == 0)
            #expect(stream.readCount == 0)
            stream.setWritable(true)
            stream.run()
            #expect(try Self.pongCount(stream) == 3)
            #expect(stream.readCount == 1)
        }
    }

    /// All frames come, also those before the end.
    @Test(arguments: [false, true])
    func nothingIsLostAtTheEnd(_ isHalfClosed: Bool) throws {
        try Self.withStream { stream throws in
            stream.receive(Self.pings(2000))
            stream.receive(Self.pings(1))
            #expect(try Self.pongCount(stream) == Self.maximum)
            stream.end(isHalfClosed: isHalfClosed)
            #expect(try Self.pongCount(stream) == 2001 - Self.maximum)
        }
    }

    /// A client that says that it sends nothing further is answered all that it has sent.
    @Test func whatIsHeldGoesBeforeTheEndOfTheClient() throws {
        try Self.withStream({ $0.maximumBacklogByteCount = 1 }) { stream throws in
            // Nothing is asked for: what is held has no turn before the end.
            stream.setWritable(false)
            stream.receive(Self.pings(2 * Self.maximum + 3))
            #expect(try Self.pongCount(stream) == Self.maximum)
            stream.end(isHalfClosed: true)
            #expect(try Self.pongCount(stream) == Self.maximum + 3)
        }
    }

    /// A client that was closed and goes has nothing to say: what it has flooded with is not dealt with in one turn.
    @Test func whatIsHeldOfAClosedConnectionIsPassedOver() throws {
        try Self.withStream({ $0.maximumBacklogByteCount = 1 }) { stream throws in
            // Nothing is asked for: what is held has no turn before the end.
            stream.setWritable(false)
            var bytes = Self.pings(Self.maximum + 1000)
            var close = EmbeddedStream.frame(.connectionClose)
            bytes.writeBuffer(&close)
            stream.receive(bytes)
            #expect(try Self.pongCount(stream) == Self.maximum)
            stream.closeSessions()
            #expect(try stream.sent() == ["(close 1001)"])
            stream.end(isHalfClosed: false)
            #expect(try stream.sent() == [])
            // The close of its client, the last of what is held, would have ended it.
            #expect(stream.isOpen)
        }
    }

    /// After a header that breaks a rule nothing is understood, and one that continues all the same is cut off.
    @Test func nothingIsReadAfterABrokenHeader() throws {
        try Self.withStream { stream throws in
            // A control frame in fragments, and what looks like a ping.
            var bytes = ByteBuffer(bytes: [0x09, 0x80, 0, 0, 0, 0])
            var ping = Self.pings(1)
            bytes.writeBuffer(&ping)
            stream.receive(bytes)
            #expect(try stream.sent() == ["(close 1002)"])
            #expect(stream.isOpen)
            stream.receive(Self.pings(1))
            #expect(try stream.sent() == [])
            #expect(!stream.isOpen)
        }
    }
}
