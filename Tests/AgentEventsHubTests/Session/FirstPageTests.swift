import AgentEvents
import AgentEventsTesting
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import AgentEventsHub

/// The first page that comes with a look-up is a page like every other: one at a time for a connection, and not more of them
/// for a loop than have a turn.
@Suite(.timeLimit(.minutes(10)))
struct FirstPageTests {
    private static func subscribe(_ thread: ThreadID) -> String {
        #"{"op":"subscribe","thread_id":"\#(thread)","after":"start"}"#
    }

    private static func fill(_ thread: ThreadID, of hub: AgentEventsHub) async throws {
        let context = try await hub.runtime.context(user: "u_1", thread: thread)
        for _ in 0..<3 { _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: 1)))) }
        try await context.flush()
    }

    /// Whoever comes while a page is read is told of its place at once, and reads later.
    @Test(arguments: [true, false])
    func aSecondSubscriptionGetsItsPageInItsTurn(ofOneConnection: Bool) async throws {
        let log = HeldReadsLog()
        var limits = StreamLimits.patient
        limits.maximumPages = ofOneConnection ? 4 : 1
        try await TransportStage.with(limits: limits, log: log) { stage in
            for thread in ["t_1", "t_2"] as [ThreadID] { try await Self.fill(thread, of: stage.hub) }
            let eventLoop = stage.group.next()
            let first = try await stage.adopt(on: eventLoop)
            let second = ofOneConnection ? first : try await stage.adopt(on: eventLoop)
            log.hold()
            try await first.send(Self.subscribe("t_1"))
            await log.waitForRead()
            try await second.send(Self.subscribe("t_2"))
            try await second.wait { $0.operations.contains("subscribed") }
            // A turn of the loop later nobody else reads.
            try await second.onLoop { transport, _ in #expect(transport.sequences.isEmpty) }
            #expect(log.readCount == 1)
            log.letGo()
            for ends in [first, second] {
                let count = ofOneConnection ? 6 : 3
                try await ends.wait { $0.sequences.count == count && $0.operations.last == "live" }
            }
        }
    }

    /// A page that nobody waits for any longer cannot end the connection by its failure.
    @Test func thePageOfASubscriptionThatHasEndedMayFail() async throws {
        let log = HeldReadsLog()
        try await TransportStage.with(log: log) { stage in
            try await Self.fill("t_1", of: stage.hub)
            let ends = try await stage.adopt(on: stage.group.next())
            try await ends.onLoop { transport, _ in transport.writable = { false } }
            try await ends.send(Self.subscribe("t_1"))
            try await ends.wait { $0.operations.contains("subscribed") }
            log.hold()
            try await ends.onLoop { transport, session in
                transport.writable = { true }
                session.writabilityChanged()
            }
            await log.waitForRead()
            try await ends.send(#"{"op":"unsubscribe","thread_id":"t_1"}"#)
            try await ends.wait { $0.operations.contains("unsubscribed") }
            log.letGo(failing: true)
            try await ends.send(Self.subscribe("t_1"))
            try await ends.wait { $0.sequences == [1, 2, 3] || $0.close != nil }
            try await ends.onLoop { transport, _ in #expect(transport.close == nil) }
        }
    }

    /// A page of a connection that is gone gives its turn to the next one.
    @Test func theTurnOfAConnectionThatIsGoneIsGivenOn() async throws {
        let log = HeldReadsLog()
        var limits = StreamLimits.patient
        limits.maximumPages = 1
        try await TransportStage.with(limits: limits, log: log) { stage in
            for thread in ["t_1", "t_2"] as [ThreadID] { try await Self.fill(thread, of: stage.hub) }
            let eventLoop = stage.group.next()
            let first = try await stage.adopt(on: eventLoop)
            let second = try await stage.adopt(on: eventLoop)
            log.hold()
            try await first.send(Self.subscribe("t_1"))
            await log.waitForRead()
            try await second.send(Self.subscribe("t_2"))
            try await second.wait { $0.operations.contains("subscribed") }
            try await first.onLoop { _, session in session.closed() }
            log.letGo()
            try await second.wait { $0.sequences == [1, 2, 3] && $0.operations.last == "live" }
        }
    }
}
