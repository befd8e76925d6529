import AgentEvents
import Synchronization

/// A log that counts the events that are read from it.
final class CountingLog: EventLog, StateStore {
    private let log = InMemoryEventLog()
    private let count = Mutex(0)

    /// How many events were read since the last call.
    func takeReadCount() -> Int {
        count.withLock { count in
            defer { count = 0 }
            return count
        }
    }

    func close() { log.close() }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        let page = try await log.read(request)
        count.withLock { $0 += page.events.count }
        return page
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> [EventID]? {
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
