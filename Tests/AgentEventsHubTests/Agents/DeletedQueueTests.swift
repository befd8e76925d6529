import AgentEvents
import AgentEventsTestSupport
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
            while dispatcher.queuedCount > 0, dispatcher.queue.withLock({ $0.nextTime }) == nil {
                try Task.checkCancellation()
                await Task.yield()
            }
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
            while dispatcher.queuedCount > 0 {
                try Task.checkCancellation()
                await Task.yield()
            }
            #expect(dispatcher.queue.withLock { $0.nextTime } == nil)
        }
    }

    /// A thread whose deletion is under way, and fails when the test lets it; its first run has ended meanwhile, and the second is
    /// queued.
    private func withDeletionThatFails(
        _ duringDeletion: (AgentStage, _ queued: RunID) async throws -> Void,
        _ afterwards: (AgentStage, _ queued: RunID) async throws -> Void
    ) async throws {
        let log = FailingDeletionLog()
        let runtime = RuntimeConfiguration(environment: .manual(clock, seed: 1))
        try await AgentStage.with(log, runtime: runtime) { stage in
            let one = try #require(try await stage.send("one").run)
            try await stage.waitForStart(of: one)
            let two = try #require(try await stage.send("two", .queue).run)
            try await withThrowingTaskGroup(of: Void.self) { group in
                log.holdNextQuestion()
                group.addTask { try await stage.hub.runtime.deleteThread("t_1", user: "u_1") }
                await log.waitUntilHeld()
                stage.control.release(one)
                try await duringDeletion(stage, two)
                log.failHeldQuestion()
                await #expect(throws: AgentEventsError.self) { try await group.next() }
            }
            try await afterwards(stage, two)
        }
    }

    /// Until then its thread refuses the run as one that is gone does.
    @Test func staysWhenItsThreadStays() async throws {
        try await withDeletionThatFails { stage, _ in
            let dispatcher = stage.hub.dispatcher
            while dispatcher.queuedCount > 0, dispatcher.queue.withLock({ $0.nextTime }) == nil {
                try Task.checkCancellation()
                await Task.yield()
            }
            try #require(dispatcher.queuedCount == 1)
        } _: { stage, queued in
            try await clock.waitForSleep(of: .seconds(1))
            clock.advance(by: .seconds(1))
            try await stage.expectStart(of: queued)
        }
    }

    @Test func isLookedForAgainWhenItsThreadStays() async throws {
        try await withDeletionThatFails { stage, queued in
            let dispatcher = stage.hub.dispatcher
            let place = RunQueueStateMachine.Place(thread: "t_1", run: queued)
            while dispatcher.queuedCount > 0, dispatcher.queue.withLock({ $0.nextTime }) == nil {
                try Task.checkCancellation()
                await Task.yield()
            }
            // As when another process has queued it.
            dispatcher.perform { $0.left(place) }
            try #require(dispatcher.queuedCount == 0)
            dispatcher.didAdvance([
                AdvancedThread(thread: "t_1", user: "u_1", head: EventID(generation: 1, sequence: 9))
            ])
            try await clock.waitForSleep(of: .seconds(1))
        } _: { stage, queued in
            clock.advance(by: .seconds(1))
            try await stage.expectStart(of: queued)
        }
    }
}

/// A log that fails to say whether a thread was deleted, once, when the test lets it.
private final class FailingDeletionLog: DeletingEventLog, ForwardingLog, StateStore {
    private enum Question { case answered, awaited, held, failed }

    let log = InMemoryEventLog(generations: .counting)
    private let question = Mutex(Question.answered)

    func holdNextQuestion() { question.withLock { $0 = .awaited } }

    func waitUntilHeld() async {
        while question.withLock({ $0 == .awaited }), !Task.isCancelled { await Task.yield() }
    }

    func failHeldQuestion() { question.withLock { $0 = .failed } }

    func deletion(of thread: ThreadID) async throws(EventLogError) -> ThreadDeletion? {
        let isHeld = question.withLock { question in
            guard question == .awaited else { return false }
            question = .held
            return true
        }
        guard isHeld else { return try await log.deletion(of: thread) }
        while question.withLock({ $0 == .held }), !Task.isCancelled { await Task.yield() }
        throw EventLogError(.failed, "the disk is gone")
    }
}
