import NIOCore
import NIOWebSocket
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// A connection's heartbeats and ends, by a clock that the tests turn.
struct StreamHandlerTests {
    private static func withStream(_ body: (EmbeddedStream) throws -> Void) throws {
        var limits = StreamLimits()
        limits.heartbeatMilliseconds = 10_000
        let stream = try EmbeddedStream(limits: limits)
        defer { stream.finish() }
        #expect(try stream.sent() == ["welcome"])
        try body(stream)
    }

    /// A client that has been closed and continues to send would have the loop to itself otherwise, and is nobody that limits count for.
    @Test func aClientThatFloodsAfterItsCloseIsReadFromNowAndThen() throws {
        try Self.withStream { stream throws in
            for _ in 0..<100 { #expect(stream.reads()) }
            try stream.receive(.binary)
            #expect(try stream.sent() == ["(close 1003)"])
            for _ in 0..<ClosingPaceStateMachine.readsAtOnce { #expect(stream.reads()) }
            for _ in 0..<3 {
                let count = stream.readCount
                for _ in 0..<100 { #expect(!stream.reads()) }
                stream.advance(seconds: 0.099)
                #expect(stream.readCount == count)
                stream.advance(seconds: 0.001)
                #expect(stream.readCount == count + 1)
            }
            // Its close is found all the same.
            try stream.receive(.connectionClose)
            #expect(!stream.isOpen)
        }
    }

    @Test func aSilentConnectionIsPingedAndClosedTwoIntervalsLater() throws {
        try Self.withStream { stream throws in
            stream.advance(seconds: 8)
            #expect(try stream.sent() == [])
            stream.advance(seconds: 4)
            #expect(try stream.sent() == ["(ping)", "ping"])
            stream.advance(seconds: 16)
            #expect(try stream.sent() == ["ping"])
            #expect(try stream.measured("agent_events_connections", [("transport", "websocket")]) == 1)
            #expect(try stream.counted("agent_events_missed_heartbeats_total") == 0)
            stream.advance(seconds: 2)
            #expect(try stream.sent() == ["(close 4408)"])
            #expect(try stream.measured("agent_events_connections", [("transport", "websocket")]) == 0)
            #expect(try stream.counted("agent_events_missed_heartbeats_total") == 1)
            #expect(try stream.counted("agent_events_slow_readers_total") == 0)
            let accepted = [("transport", "websocket"), ("outcome", "accepted")]
            #expect(try stream.counted("agent_events_connections_total", accepted) == 1)
            #expect(try stream.counted("agent_events_connection_closes_total", [("code", "4408")]) == 1)
            #expect(try stream.counted("agent_events_connection_closes_total", [("code", "gone")]) == 0)
            #expect(stream.isOpen)
            stream.advance(seconds: 2)
            #expect(!stream.isOpen)
        }
    }

    @Test(arguments: [WebSocketOpcode.pong, .ping, .text])
    func whateverComesKeepsTheConnection(_ opcode: WebSocketOpcode) throws {
        try Self.withStream { stream throws in
            for _ in 0..<100 {
                stream.advance(seconds: 26)
                try stream.receive(opcode, opcode == .text ? #"{"op":"pong"}"# : "")
            }
            #expect(stream.isOpen)
            #expect(try stream.sent().count { $0 == "(ping)" } == 100)
        }
    }

    @Test func aDrainIsAnnouncedOnceAndTheConnectionGoesOn() throws {
        try Self.withStream { stream throws in
            stream.drain()
            stream.drain()
            try stream.receive(.text, #"{"op":"ping"}"#)
            try stream.receive(.text, #"{"op":"subscribe","thread_id":"t"}"#)
            #expect(try stream.sent() == ["drain", "pong", "error"])
            stream.closeSessions()
            stream.closeSessions()
            #expect(try stream.sent() == ["(close 1001)"])
            try stream.receive(.connectionClose)
            #expect(!stream.isOpen)
        }
    }

    private static let emission =
        #"{"op":"emit","req":1,"thread_id":"t","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#

    /// What was emitted is answered before the close, unless the service can wait no longer.
    @Test(arguments: [0, 1, 2])
    func aCloseWaitsForAnswersForAsLongAsTheServiceDoes(waits: Int) throws {
        try Self.withStream { stream throws in
            // Nobody commits it: the runtime does not run.
            try stream.receive(.text, Self.emission)
            for _ in 0..<waits {
                stream.closeSessions(waitsForAnswers: true)
                #expect(try stream.sent() == [])
            }
            stream.closeSessions(waitsForAnswers: false)
            #expect(try stream.sent() == ["(close 1001)"])
        }
    }

    @Test func whatNobodyCarriesOutAnyMoreIsRefused() throws {
        try Self.withStream { stream throws in
            stream.finishEmitters()
            try stream.receive(.text, Self.emission)
            #expect(try stream.sent() == ["error"])
            stream.closeSessions()
            #expect(try stream.sent() == ["(close 1001)"])
        }
    }

    @Test func nothingIsWrittenBehindAClose() throws {
        try Self.withStream { stream throws in
            stream.closeSessions()
            try stream.receive(.text, #"{"op":"ping"}"#)
            try stream.receive(.ping)
            stream.drain()
            stream.advance(seconds: 1)
            #expect(try stream.sent() == ["(close 1001)"])
            stream.advance(seconds: 1)
            #expect(!stream.isOpen)
        }
    }

    /// Answers are bounded as well: a client that asks and takes no answers is not read any further.
    @Test(arguments: [WebSocketOpcode.ping, .text])
    func aClientThatTakesNoAnswersIsNotReadOn(_ opcode: WebSocketOpcode) throws {
        try Self.withStream { stream throws in
            let text = opcode == .text ? #"{"op":"ping","req":"\#(String(repeating: "x", count: 80))"}"# : "0123456789"
            stream.setWritable(false)
            #expect(stream.reads())
            var count = 0
            while stream.reads() {
                try stream.receive(opcode, text)
                count += 1
                try #require(count < 100_000, "read on and on")
            }
            let before = stream.readCount
            stream.setWritable(true)
            #expect(stream.readCount == before + 1)
            #expect(stream.reads())
        }
    }

    /// What waits for a look-up is bounded as well; nobody looks anything up here.
    @Test(arguments: [(#"{"op":"unsubscribe","thread_id":"t"}"#, 4096), (emission, 4096)])
    func aClientThatIsFarAheadOfItsAnswersIsNotReadOn(_ text: String, _ mostCount: Int) throws {
        try Self.withStream { stream throws in
            try stream.receive(.text, #"{"op":"subscribe","thread_id":"t"}"#)
            var count = 0
            while stream.reads() {
                try stream.receive(.text, text)
                count += 1
                try #require(count <= mostCount, "read on and on")
            }
            #expect(count == mostCount)
            #expect(try stream.sent() == [])
            // About another thread, and answered at once.
            try stream.receive(.text, #"{"op":"unsubscribe","thread_id":"u"}"#)
            try stream.receive(.text, #"{"op":"ping"}"#)
            #expect(try stream.sent() == ["error", "pong"])
        }
    }

    /// A snapshot that waits for the client to take something is refused when the service is about to stop.
    @Test func whatHasNotBegunIsRefusedAtADrain() throws {
        try Self.withStream { stream throws in
            stream.setWritable(false)
            try stream.receive(.text, #"{"op":"subscribe","thread_id":"t","after":"snapshot"}"#)
            try stream.receive(.text, #"{"op":"unsubscribe","thread_id":"t"}"#)
            #expect(try stream.sent() == [])
            stream.drain()
            #expect(try stream.sent() == ["drain", "error", "error"])
            stream.closeSessions()
            #expect(try stream.sent() == ["(close 1001)"])
        }
    }

    /// A service that can wait no longer drops what waits.
    @Test func atTheEndNothingIsWaitedFor() throws {
        try Self.withStream { stream throws in
            // A state is not made at once.
            let subscribe = #"{"op":"subscribe","thread_id":"t","after":"snapshot"}"#
            for message in [subscribe, #"{"op":"unsubscribe","thread_id":"t"}"#, subscribe] {
                try stream.receive(.text, message)
            }
            stream.closeSessions(waitsForAnswers: true)
            #expect(try stream.sent() == [])
            stream.closeSessions(waitsForAnswers: false)
            #expect(try stream.sent() == ["(close 1001)"])
        }
    }

    @Test func aPeerThatClosesIsAnswered() throws {
        try Self.withStream { stream throws in
            try stream.receive(.connectionClose)
            #expect(try stream.sent().first == "(close 0)")
            #expect(!stream.isOpen)
        }
    }

    /// A message that is always about to end keeps its connection no longer than one that comes (SEC-05).
    @Test func aMessageInFragmentsHasItsTime() throws {
        try Self.withStream { stream throws in
            try stream.receiveFragment(isFirst: true, "{")
            for _ in 0..<29 {
                stream.advance(seconds: 1)
                try stream.receiveFragment(isFirst: false)
            }
            #expect(try stream.sent().allSatisfy { $0 == "ping" })
            stream.advance(seconds: 1.1)
            #expect(try stream.sent().last == "(close 4408)")
        }
    }

    @Test func messagesInFragmentsThatEndAreNotTouched() throws {
        try Self.withStream { stream throws in
            for _ in 0..<10 {
                try stream.receiveFragment(isFirst: true, #"{"op":"#)
                stream.advance(seconds: 20)
                try stream.receive(.continuation, #""pong"}"#)
            }
            #expect(stream.isOpen)
            #expect(try !stream.sent().contains { $0.hasPrefix("(close") })
        }
    }

    /// Lengths that are no lengths, and those in a longer form than they need (SEC-03).
    @Test(
        arguments: [
            (UInt64.max / 2, "(close 1009)"), (UInt64.max / 2 + 1, "(close 1009)"), (UInt64.max, "(close 1009)"),
            (UInt64.max / 2 - 1, "(close 1009)"), (0x1_0000_0000, "(close 1009)"), (1_048_577, "(close 1009)"),
            (2, "error"), (0, "error"),
        ] as [(UInt64, String)])
    func aLengthOf64BitsIsComparedBeforeItIsUsed(_ length: UInt64, _ word: String) throws {
        try Self.withStream { stream throws in
            var frame = ByteBuffer(bytes: [0x81, 0xFF])
            frame.writeInteger(length)
            frame.writeBytes([0, 0, 0, 0])
            frame.writeBytes(Array("{}".utf8.prefix(Int(min(length, 2)))))
            stream.receive(frame)
            #expect(try stream.sent().first == word)
        }
    }
}
