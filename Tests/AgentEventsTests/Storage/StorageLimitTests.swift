import AgentEventsTesting
import Testing

@testable import AgentEvents

/// What a user may store: refused beyond it, with an end for every run; lowered by what is removed; the same after a restart.
@Suite(.timeLimit(.minutes(5))) struct StorageLimitTests {
    private static let limit = 20_000

    private static var configuration: RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.maximumStoredByteCountPerUser = limit
        return configuration
    }

    private static func emit(
        _ text: Int, _ runtime: AgentRuntime, user: UserID = "u_1", thread: ThreadID = "t_1"
    ) async throws {
        let context = try await runtime.context(user: user, thread: thread)
        let value = JSONValue.string(String(repeating: "x", count: text))
        _ = try await context.emit([EventDraft(.custom(CustomEvent(name: "filler", value: value)))])
        try await runtime.flush()
    }

    private static func expectLimit(_ body: () async throws -> Void) async {
        await #expect {
            try await body()
        } throws: { error in
            guard let error = error as? AgentEventsError else { return false }
            return error.code == .storageLimit && error.code.rawValue == "limits.storage" && !error.isRetryable
        }
    }

    @Test func beyondItNothingIsTakenAndOthersAreNotConcerned() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: Self.configuration) { runtime in
            try await Self.emit(15_000, runtime)
            try await Self.emit(6_000, runtime, thread: "t_2")
            await Self.expectLimit { try await Self.emit(1, runtime) }
            await Self.expectLimit { try await Self.emit(1, runtime, thread: "t_3") }
            try await Self.emit(15_000, runtime, user: "u_2", thread: "t_9")
            #expect(try await log.thread("t_3") == nil)
        }
        log.close()
        // Read from the log again.
        try await withAgentRuntime(log: log, configuration: Self.configuration) { runtime in
            await Self.expectLimit { try await Self.emit(1, runtime) }
            try await Self.emit(1, runtime, user: "u_2", thread: "t_9")
        }
    }

    /// A run that is open ends, whatever its user has stored; one that fails over the limit, too.
    @Test func aRunEndsBeyondIt() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: Self.configuration) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                try await run.think("before")
                try await Self.emit(Self.limit, runtime, thread: "t_2")
                await Self.expectLimit { try await run.think("beyond") }
            }
            await Self.expectLimit {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in }
            }
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 0))).events.map { try $0.decoded() }
        #expect(events.map(\.typeName) == ["agent_started", "agent_thinking", "agent_completed"])
    }

    @Test func whatIsDeletedMakesRoom() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: Self.configuration) { runtime in
            try await Self.emit(Self.limit, runtime, thread: "t_2")
            await Self.expectLimit { try await Self.emit(1, runtime) }
            try await runtime.deleteThread("t_2", user: "u_1")
            try await Self.waitUntil { (try? await Self.emit(1, runtime)) != nil }
            try await Self.emit(Self.limit, runtime)
            await Self.expectLimit { try await Self.emit(1, runtime) }
        }
    }

    @Test func whatIsTrimmedMakesRoom() async throws {
        let log = InMemoryEventLog()
        var configuration = Self.configuration
        configuration.retention.maximumEventsPerThread = 2
        configuration.retentionInterval = .milliseconds(1)
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            try await Self.emit(Self.limit, runtime, thread: "t_2")
            // Others push it out, one after the other as there is room.
            await Self.expectLimit { try await Self.emit(1, runtime, thread: "t_2") }
        }
        log.close()
        // Without the limit the thread goes on, and its large event goes.
        configuration.maximumStoredByteCountPerUser = nil
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            for _ in 0..<3 { try await Self.emit(1, runtime, thread: "t_2") }
        }
        log.close()
        configuration.maximumStoredByteCountPerUser = Self.limit
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            try await Self.waitUntil { (try? await Self.emit(1, runtime)) != nil }
        }
    }

    @Test func aLogThatDoesNotKnowThreadsHasNoSuchLimit() async throws {
        await Self.expectLimit {
            try await withAgentRuntime(log: CrashingLog(InMemoryEventLog()), configuration: Self.configuration) { _ in }
        }
    }

    /// Returns when something holds; the time limit of the suite is for what hangs.
    private static func waitUntil(_ condition: () async -> Bool) async throws {
        while await !condition() {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}
