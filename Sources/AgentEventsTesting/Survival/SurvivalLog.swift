import AgentEvents
import Synchronization

/// A log in memory that holds each commit up until somebody has looked at its events: the agent, which waits for room in the
/// log, is at a known place by then. It dies like the log of a process that is killed.
final class SurvivalLog: EventLog {
    /// Is told of each event, in order, before anybody continues; it says whether the process dies with it.
    typealias Observer = @Sendable (AgentEvent) async -> Bool

    private let log: InMemoryEventLog
    private let observer: Observer
    private let isDead = Mutex(false)

    init(_ log: InMemoryEventLog, observer: @escaping Observer) {
        self.log = log
        self.observer = observer
    }

    var executor: (any TaskExecutor)? { log.executor }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        try checkLife()
        try await log.append(commit)
        for entry in commit.entries {
            let event = try StoredEvent(thread: entry.owner.thread, id: entry.id, bytes: entry.bytes).decoded()
            if await observer(event) { isDead.withLock { $0 = true } }
        }
        try checkLife()
    }

    private func checkLife() throws(EventLogError) {
        if isDead.withLock({ $0 }) { throw EventLogError(.failed, "the process that wrote the log is dead") }
    }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }
}
