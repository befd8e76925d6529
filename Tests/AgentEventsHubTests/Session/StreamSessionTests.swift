import AgentEvents
import NIOCore
import NIOPosix
import Testing

@testable import AgentEventsHub

/// What a session does with its transport, on an event loop that the hub has not seen before.
@Suite(.timeLimit(.minutes(10)))
struct StreamSessionTests {
    private static func log(_ count: Int, in hub: AgentEventsHub) async throws {
        let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
        for value in 0..<count {
            _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: .integer(Int64(value))))))
        }
        try await context.flush()
    }

    private static func message(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    /// One look-up brings the place and the first page: what the client gets is written and flushed in one turn.
    @Test func aSubscriptionIsAnsweredWithItsFirstPage() async throws {
        try await RecordedSession.with { session in
            try await Self.log(3, in: session.hub)
            try await session.onLoop { _, session in
                session.receive(Self.message(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#))
                session.readComplete()
            }
            let calls = try await session.calls(until: "live")
            #expect(
                calls == ["welcome", "flush", "flush", "subscribed", "custom", "custom", "custom", "live", "flush"])
        }
    }

    /// A client that takes nothing gets the place, and its page when it takes something.
    @Test func aPageIsNotWrittenToAClientThatTakesNothing() async throws {
        try await TransportStage.with { stage in
            try await stage.log(2)
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.onLoop { transport, session in
                session.receive(Self.message(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#))
                transport.writable = { false }
            }
            try await ends.wait { $0.operations.contains("subscribed") }
            try await ends.onLoop { transport, session in
                #expect(transport.sequences.isEmpty)
                transport.writable = { true }
                session.writabilityChanged()
            }
            try await ends.wait { $0.operations.last == "live" }
            try await ends.onLoop { transport, _ in
                #expect(transport.sequences == [1, 2])
                #expect(transport.operations == ["welcome", "subscribed", "live"])
            }
        }
    }

    /// It holds up no other connection of its loop, nothing more is read of its own, and the order stays.
    @Test func aLargeMessageIsParsedElsewhereAndInOrder() async throws {
        try await RecordedSession.with { session in
            let space = String(repeating: " ", count: 70_000)
            try await session.onLoop { _, session in
                session.receive(Self.message(#"{"op":"unsubscribe","thread_id":"t_1"}"# + space))
                session.receive(Self.message(#"{"op":"ping"}"#))
                session.readComplete()
            }
            let calls = try await session.calls(until: "reading on")
            #expect(
                calls.filter { $0 != "flush" } == ["welcome", "reading off", "error", "pong", "reading on"])
        }
    }

    @Test func aMessageThatIsParsedElsewhereIsAnsweredBeforeTheEnd() async throws {
        try await RecordedSession.with { session in
            let space = String(repeating: " ", count: 70_000)
            try await session.onLoop { _, session in
                session.receive(Self.message(#"{"op":"unsubscribe","thread_id":"t_1"}"# + space))
                session.goAway(waitsForAnswers: true)
            }
            let calls = try await session.calls(until: "close 1001")
            #expect(calls.filter { $0 != "flush" } == ["welcome", "reading off", "error", "close 1001"])
        }
    }
}
