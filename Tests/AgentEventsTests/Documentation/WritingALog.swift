import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

/// A log that another log carries, with the time of each commit.
struct TimedLog<Base: EventLog>: EventLog {
    let base: Base
    let report: @Sendable (_ eventCount: Int, _ duration: Duration) -> Void

    var executor: (any TaskExecutor)? { base.executor }

    func open() async throws(EventLogError) -> LogOpening { try await base.open() }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        let clock = ContinuousClock()
        let start = clock.now
        try await base.append(commit)
        report(commit.entries.count, start.duration(to: clock.now))
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await base.read(request) }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await base.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await base.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await base.recall(key, in: thread)
    }
}

/// The log of the article *Writing a log*.
struct WritingALogTests {
    @Test func conforms() async throws {
        try await EventLogConformance(make: { TimedLog(base: InMemoryEventLog()) { _, _ in } }).run()
    }

    @Test func aCommitIsReported() async throws {
        let counts = Mutex<[Int]>([])
        let log = TimedLog(base: InMemoryEventLog()) { count, _ in counts.withLock { $0.append(count) } }
        try await withAgentRuntime(log: log) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in }
        }
        #expect(counts.withLock { $0.reduce(0, +) } == 2)
    }
}
