import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import NIOPosix
import Testing

@testable import AgentEventsHub

@Suite(.timeLimit(.minutes(10)))
struct LostConnectionTests {
    /// The connection of a consumer dies while its place is looked up: nobody follows the thread as that consumer, and
    /// nothing of it stays in memory.
    @Test func aConsumerWhoseConnectionDiesDuringTheLookUpIsLetGo() async throws {
        let log = HeldReadsLog()
        var limits = StreamLimits.patient
        limits.maximumPages = 1
        try await TransportStage.with(limits: limits, log: log) { stage in
            defer { log.letGo() }
            for thread in ["t_1", "t_2"] as [ThreadID] {
                let context = try await stage.hub.runtime.context(user: "u_1", thread: thread)
                try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: 1))))
                try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: 2))))
                try await context.flush()
            }
            let key = ConsumerKey(thread: "t_1", user: "u_1", consumer: "phone")
            try await log.save([
                StoredValue(.consumer, thread: key.thread, name: key.name, bytes: Array("1-1".utf8))
            ])
            let eventLoop = stage.group.next()
            let first = try await stage.adopt(on: eventLoop)
            let second = try await stage.adopt(on: eventLoop)
            log.hold()
            try await first.send(#"{"op":"subscribe","thread_id":"t_1","consumer":"phone"}"#)
            await log.waitForRead()
            try await second.send(#"{"op":"subscribe","thread_id":"t_2","after":"start"}"#)
            try await second.wait { $0.operations.contains("subscribed") }
            try await first.onLoop { _, session in session.closed() }
            log.letGo()
            // One page is read at a time, so the look-up is over by then.
            try await second.wait { $0.operations.last == "live" }
            let loadCount = log.loadCount
            let consumers = try #require(stage.hub.services.consumers)
            #expect(try await consumers.attach(key)?.sequence == 1)
            #expect(log.loadCount == loadCount + 1)
            consumers.detach(key)
        }
    }
}
