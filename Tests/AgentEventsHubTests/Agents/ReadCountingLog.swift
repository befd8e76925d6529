import AgentEvents
import Synchronization

/// A log that counts the events that are read from it.
final class ReadCountingLog: RunIndexedLog, StateStore {
    private let log: InMemoryEventLog
    private let count = Mutex(0)

    init(_ log: InMemoryEventLog) { self.log = log }

    /// The number of events that a scope reads.
    func reads(_ body: () async throws -> Void) async rethrows -> Int {
        count.withLock { $0 = 0 }
        try await body()
        return count.withLock { $0 }
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        let page = try await log.read(request)
        count.withLock { $0 += page.events.count }
        return page
    }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }
    func firstSequence(of run: RunID, in thread: ThreadID) async throws(EventLogError) -> UInt64? {
        try await log.firstSequence(of: run, in: thread)
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
    func save(_ values: [StoredValue]) async throws(EventLogError) { try await log.save(values) }
}
