import AgentEvents
import AgentEventsTestSupport
import Synchronization

/// A log that counts the events that are read from it.
final class ReadCountingLog: RunIndexedLog, ForwardingLog, StateStore {
    let log: InMemoryEventLog
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

    func firstSequence(of run: RunID, in thread: ThreadID) async throws(EventLogError) -> UInt64? {
        try await log.firstSequence(of: run, in: thread)
    }
}
