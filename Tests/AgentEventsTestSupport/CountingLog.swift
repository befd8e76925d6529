package import AgentEvents
import AgentEventsTesting
import Synchronization

/// A log that counts what is read from it, and can be trimmed at a moment of the test's choice.
package final class CountingLog: ForwardingLog, StateStore {
    package let log = InMemoryEventLog(generations: .counting)
    private let count = Mutex(0)
    private let isFailing = Mutex(false)
    private let calls = Mutex((pages: 0, records: 0))
    private let nextTrim = Mutex<(trim: ThreadTrim, reads: Int)?>(nil)

    package init() {}

    /// How many pages and records were read since the last call.
    package func takeCallCounts() -> (pages: Int, records: Int) {
        calls.withLock { calls in
            defer { calls = (0, 0) }
            return calls
        }
    }

    /// How many events were read since the last call.
    package func takeReadCount() -> Int {
        count.withLock { count in
            defer { count = 0 }
            return count
        }
    }

    package func close() { log.close() }

    /// From now on nothing can be read.
    package func failReads() { isFailing.withLock { $0 = true } }

    /// As the retention does: the state is saved, and its events go.
    package func trim(_ trim: ThreadTrim) async throws(EventLogError) {
        var state = ThreadState()
        let page = try await log.read(LogRead(.thread(trim.thread, after: 0)))
        do throws(WireError) {
            for stored in page.events where stored.id.sequence < trim.firstKept {
                state.apply(try EventDecoder.decode(stored.bytes))
            }
        } catch {
            throw EventLogError(.corrupt, "an event is unreadable", cause: error)
        }
        if let snapshot = ThreadSnapshot(state) {
            try await log.save(try snapshot.stored(for: trim.thread, in: .trimmed))
        }
        try await log.trim([trim])
    }

    /// Trims just before a page is read; 1 for the next one.
    package func trim(_ trim: ThreadTrim, beforeRead number: Int) { nextTrim.withLock { $0 = (trim, number) } }

    private func trimIfDue() async throws(EventLogError) {
        let due: ThreadTrim? = nextTrim.withLock { next in
            guard let (trim, reads) = next else { return nil }
            next = reads == 1 ? nil : (trim, reads - 1)
            return reads == 1 ? trim : nil
        }
        if let due { try await trim(due) }
    }

    private func checkReads() throws(EventLogError) {
        if isFailing.withLock({ $0 }) { throw EventLogError(.failed, "the disk is gone") }
    }

    package func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        calls.withLock { $0.pages += 1 }
        // As one that has to look somewhere: whoever asks in the meantime is there before the answer.
        await Task.yield()
        try checkReads()
        try await trimIfDue()
        let page = try await log.read(request)
        count.withLock { $0 += page.events.count }
        return page
    }

    package func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        calls.withLock { $0.records += 1 }
        await Task.yield()
        try checkReads()
        return try await log.thread(thread)
    }

}
