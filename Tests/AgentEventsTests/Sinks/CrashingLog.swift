import AgentEvents
import Synchronization

/// A log whose values stay as they were at a moment, as after a crash: what is saved later is not there afterwards.
/// Tells of what is saved.
final class CrashingLog: EventLog, StateStore {
    private let log: InMemoryEventLog
    private let isCrashed = Mutex(false)

    private let didSave: @Sendable ([StoredValue]) -> Void

    init(_ log: InMemoryEventLog, didSave: @escaping @Sendable ([StoredValue]) -> Void = { _ in }) {
        self.log = log
        self.didSave = didSave
    }

    func crash() { isCrashed.withLock { $0 = true } }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        try await log.load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await log.loadAll(kind, thread: thread)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        if isCrashed.withLock({ $0 }) { return }
        try await log.save(values)
        didSave(values)
    }
}
