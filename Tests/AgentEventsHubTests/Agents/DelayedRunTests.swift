import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEventsHub

/// Queued runs that are tried only at their time.
@Suite(.timeLimit(.minutes(3))) struct DelayedRunTests {
    /// The end of such a run may be committed before the queue of the process has the run: it does not wait for its time there.
    @Test func aRunThatEndedBeforeItCameIntoTheQueueLeavesIt() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await AgentStage.with(log) { stage in
            let dispatcher = stage.hub.dispatcher
            let now = stage.hub.runtime.configuration.clock.now()
            let later = Timestamp(milliseconds: now.milliseconds + 3_600_000)
            try await stage.send("one", notBefore: later)
            // One that the thread does not have: as it is here after an end that nobody was told of.
            let ended = RunQueueStateMachine.Entry(
                place: RunQueueStateMachine.Place(thread: "t_1", run: "r_ended"), owner: "u_1", user: "u_1",
                agent: "guide", sequence: 3, queuedAt: now, notBefore: later)
            dispatcher.perform { $0.enqueue(ended) }
            // The next request that is delayed has the thread looked at.
            try await stage.send("two", notBefore: later)
            while dispatcher.queue.withLock({ $0.isQueued(ended.place) }) {
                try Task.checkCancellation()
                await Task.yield()
            }
            #expect(dispatcher.queuedCount == 2 && dispatcher.slotCount == 0)
        }
    }
}
