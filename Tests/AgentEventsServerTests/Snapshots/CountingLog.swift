import AgentEvents
import Synchronization

/// A log that counts what is read from it.
final class CountingLog: EventLog, StateStore {
    private let log = InMemoryEventLog()
    private let count = Mutex(0)
    private let isFailing = Mutex(false)
    private let calls = Mutex((pages: 0, records: 0))

    /// How many pages and records were read since the last call.
    func takeCallCounts() -> (pages: Int, records: Int) {
        calls.withLock { calls in
            defer { calls = (0, 0) }
            return calls
        }
    }

    /// How many events were read since the last call.
    func takeReadCount() -> Int {
        count.withLock { count in
            defer { count = 0 }
            return count
        }
    }

    func close() { log.close() }

    /// From now on nothing can be read.
    func failReads() { isFailing.withLock { $0 = true } }

    private func checkReads() throws(EventLogError) {
        if isFailing.withLock({ $0 }) { throw EventLogError(.failed, "the disk is gone") }
    }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        calls.withLock { $0.pages += 1 }
        // As one that has to look somewhere: whoever asks in the meantime is there before the answer.
        await Task.yield()
        try checkReads()
        let page = try await log.read(request)
        count.withLock { $0 += page.events.count }
        return page
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        calls.withLock { $0.records += 1 }
        await Task.yield()
        try checkReads()
        return try await log.thread(thread)
    }

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
