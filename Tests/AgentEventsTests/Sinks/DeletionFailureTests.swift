import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// A log that fails to delete a thread: what became of the thread is what the log says, for the runtime, its caller and its
/// sinks alike.
@Suite(.timeLimit(.minutes(5))) struct DeletionFailureTests {
    /// Fails at the beginning of a deletion, or at its end; and may not know then what it has done.
    private final class FailingLog: DeletingEventLog, ForwardingLog, StateStore {
        enum Failure { case atBeginning, atEnd, unknown }

        let log = InMemoryEventLog()
        private let failure = Mutex<Failure?>(nil)

        func fail(_ new: Failure?) { failure.withLock { $0 = new } }

        func delete(_ threads: [ThreadID], at time: Timestamp) async throws(EventLogError) {
            let failure = failure.withLock { $0 }
            if failure != .atBeginning { try await log.delete(threads, at: time) }
            if failure != nil { throw EventLogError(.failed, "the disk is gone") }
        }

        func deletion(of thread: ThreadID) async throws(EventLogError) -> ThreadDeletion? {
            let deletion = try await log.deletion(of: thread)
            // The first question, before anything is deleted, is answered.
            if failure.withLock({ $0 == .unknown }), deletion != nil {
                throw EventLogError(.failed, "the disk is gone")
            }
            return deletion
        }

    }

    private static var quick: RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = LeapingClock()
        configuration.maximumRunAge = nil
        return configuration
    }

    private static func emit(_ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in }
    }

    /// Nothing was deleted: the thread takes events as before, no sink is told, and it can be deleted later.
    @Test func aThreadThatTheLogStillHasIsThere() async throws {
        let log = FailingLog()
        let memory = InMemorySink()
        try await withAgentRuntime(log: log, sinks: [DurableSink(memory)], configuration: Self.quick) { runtime in
            try await Self.emit(runtime)
            log.fail(.atBeginning)
            await #expect(throws: AgentEventsError.self) { try await runtime.deleteThread("t_1", user: "u_1") }
            #expect(try await log.loadAll(.deletion, thread: nil) == [])
            #expect(runtime.sinkLeftovers(of: "t_1") == [])
            try await Self.emit(runtime)
            try await runtime.flushSinks()
            #expect(memory.events.count == 4)
            log.fail(nil)
            try await runtime.deleteThread("t_1", user: "u_1")
            try await runtime.flushSinks()
            #expect(memory.events.isEmpty)
        }
    }

    /// It was deleted, whatever the error said: the thread is gone, and the sinks are told.
    @Test func aThreadThatTheLogHasNoLongerIsDeleted() async throws {
        let log = FailingLog()
        let memory = InMemorySink()
        try await withAgentRuntime(log: log, sinks: [DurableSink(memory)], configuration: Self.quick) { runtime in
            try await Self.emit(runtime)
            try await runtime.flushSinks()
            #expect(memory.events.count == 2)
            log.fail(.atEnd)
            try await runtime.deleteThread("t_1", user: "u_1")
            try await runtime.flushSinks()
            #expect(memory.events.isEmpty)
            let error = await #expect(throws: AgentEventsError.self) { try await Self.emit(runtime) }
            #expect(error?.code == .threadDeleted)
            #expect(try await runtime.owner(of: "t_1") == nil)
        }
        #expect(try await log.loadAll(.deletion, thread: nil) == [])
    }

    /// Nobody can say: the sinks are told by the next start, which finds out.
    @Test func whatNobodyKnowsIsFoundOutByTheNextStart() async throws {
        let log = FailingLog()
        let memory = InMemorySink()
        try await withAgentRuntime(log: log, sinks: [DurableSink(memory)], configuration: Self.quick) { runtime in
            try await Self.emit(runtime)
            try await runtime.flushSinks()
            log.fail(.unknown)
            await #expect(throws: AgentEventsError.self) { try await runtime.deleteThread("t_1", user: "u_1") }
            #expect(try await log.loadAll(.deletion, thread: nil).count == 1)
        }
        log.fail(nil)
        log.log.close()
        try await withAgentRuntime(log: log, sinks: [DurableSink(memory)], configuration: Self.quick) { runtime in
            try await runtime.waitForStart()
            try await runtime.flushSinks()
            #expect(memory.events.isEmpty)
        }
        #expect(try await log.loadAll(.deletion, thread: nil) == [])
    }
}
