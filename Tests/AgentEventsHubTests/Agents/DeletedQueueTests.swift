import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEventsHub

/// Queued runs of a thread that is deleted. Each has ended with it, but its end may come before it is entered in the queue, and
/// another process that writes the log may have deleted the thread: then it is found here when it is tried, or looked for.
@Suite(.timeLimit(.minutes(1))) struct DeletedQueueTests {
    private let clock = ManualClock()

    /// A hub in which a thread was deleted while a run worked in it.
    private func withDeletedThread(_ body: (AgentStage) async throws -> Void) async throws {
        let runtime = RuntimeConfiguration(environment: .manual(clock, seed: 1))
        try await AgentStage.with(InMemoryEventLog(generations: .counting), runtime: runtime) { stage in
            let started = try await stage.send("one")
            try await stage.waitForStart(of: started.run)
            try await stage.hub.runtime.deleteThread("t_1", user: "u_1")
            try await body(stage)
        }
    }

    private func entry(notBefore: Timestamp? = nil) -> RunQueueStateMachine.Entry {
        RunQueueStateMachine.Entry(
            place: RunQueueStateMachine.Place(thread: "t_1", run: "r_late"), owner: "u_1", user: "u_1", agent: "guide",
            sequence: 9, queuedAt: Timestamp(milliseconds: 0), notBefore: notBefore)
    }

    @Test func isTriedOnceAndForgotten() async throws {
        try await withDeletedThread { stage in
            let dispatcher = stage.hub.dispatcher
            dispatcher.perform { $0.enqueue(entry()) }
            // It is gone, or would be tried again at that time.
            while dispatcher.queuedCount > 0, dispatcher.queue.withLock({ $0.nextTime }) == nil { await Task.yield() }
            #expect(dispatcher.queuedCount == 0)
            #expect(dispatcher.queue.withLock { $0.nextTime } == nil)
        }
    }

    @Test func isForgottenWhenAnotherProcessHasWrittenThere() async throws {
        try await withDeletedThread { stage in
            let dispatcher = stage.hub.dispatcher
            let later = Timestamp(milliseconds: clock.wallClock.now().milliseconds + 3_600_000)
            dispatcher.perform { $0.enqueue(entry(notBefore: later)) }
            #expect(dispatcher.queuedCount == 1)
            dispatcher.didAdvance([
                AdvancedThread(thread: "t_1", user: "u_1", head: EventID(generation: 1, sequence: 9))
            ])
            while dispatcher.queuedCount > 0 { await Task.yield() }
            #expect(dispatcher.queue.withLock { $0.nextTime } == nil)
        }
    }
}
