import AgentEvents
import Synchronization

/// The access to the log of all readers that catch up: they share the pages that are read, and the records of threads.
/// So the cost of a herd of readers depends on the number of threads that they follow, and not on the number of
/// readers.
final class ThreadPages: Sendable {
    /// The outcome of a read after a cursor.
    struct Found: Sendable {
        /// A page with the event after the cursor, or with the first one that is kept; `nil` when there is none.
        var page: SharedPage?
        /// Whether nothing followed the page, or the cursor when there is no page, at some time since the call.
        var reachesEnd: Bool
        /// Set when events after the cursor are no longer available.
        var trim: ReadTrim?
    }

    /// The outcome of a read of the log.
    private struct ReadPage: Sendable {
        var page: SharedPage?
        var reachesEnd: Bool
        var skipsTrimmed: Bool
    }

    private typealias Outcome = Result<ReadPage, EventLogError>

    /// A thread as it is framed for readers.
    private struct Place: Hashable, Sendable {
        var thread: ThreadID
        var framing: StreamFraming
    }

    private enum Turn: Sendable {
        case use(SharedPage)
        case read(after: UInt64)
        case didRead(Outcome)
    }

    private let log: any EventLog
    /// The log, when it knows its threads without waiting.
    let immediateLog: (any ImmediateEventLog)?
    private let pageByteCount: Int
    private let metrics: StreamMetrics
    private let environment: Environment
    private let sharing = Mutex(PageSharingStateMachine<Place, SharedPage, CheckedContinuation<Turn, Never>>())
    private let records = SharedComputations<ThreadRecord?>()

    /// - Parameter pageByteCount: how many bytes of events are read at a time.
    init(log: any EventLog, pageByteCount: Int, metrics: StreamMetrics, environment: Environment) {
        self.log = log
        immediateLog = log as? any ImmediateEventLog
        self.pageByteCount = pageByteCount
        self.metrics = metrics
        self.environment = environment
    }

    /// The record of a thread in the log, at some time since the call.
    func record(of thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await records.value(of: thread) { () async throws(EventLogError) in try await log.thread(thread) }
    }

    /// The events after a cursor, or some of them; without a promise that the latest commits are among them.
    func read(
        _ thread: ThreadID,
        after cursor: UInt64,
        framing: StreamFraming
    ) async throws(EventLogError) -> Found {
        let place = Place(thread: thread, framing: framing)
        var isExact = false
        while true {
            switch await join(place, after: cursor, isExact: isExact) {
            case .use(let page):
                metrics.recordSharedPage()
                return Found(page: page, reachesEnd: false)
            case .didRead(let outcome):
                let read = try outcome.get()
                guard let page = read.page, page.lastID.sequence > cursor else { break }
                metrics.recordSharedPage()
                return Found(page: page, reachesEnd: false, trim: Self.trim(after: cursor, page))
            case .read(let start):
                let read = try await read(place, from: start)
                if let page = read.page, page.lastID.sequence > cursor {
                    return Found(
                        page: page, reachesEnd: read.reachesEnd, trim: Self.trim(after: cursor, page))
                }
                guard read.reachesEnd else { break }
                let trim = read.skipsTrimmed ? try await trim(thread, after: cursor) : nil
                return Found(reachesEnd: true, trim: trim)
            }
            // Big events, or a page that was read too early.
            isExact = true
        }
    }

    private func join(_ place: Place, after cursor: UInt64, isExact: Bool) async -> Turn {
        let action = sharing.withLock {
            $0.join(place, after: cursor, isExact: isExact, waiter: nil, now: now)
        }
        switch action {
        case .use(let page): return .use(page)
        case .read(let start): return .read(after: start)
        case .wait: break
        }
        return await withCheckedContinuation { continuation in
            let action = sharing.withLock {
                $0.join(place, after: cursor, isExact: isExact, waiter: continuation, now: now)
            }
            switch action {
            case .use(let page): continuation.resume(returning: .use(page))
            case .read(let start): continuation.resume(returning: .read(after: start))
            case .wait: break
            }
        }
    }

    private func read(_ place: Place, from start: UInt64) async throws(EventLogError) -> ReadPage {
        metrics.recordLogRead()
        let outcome: Outcome
        do throws(EventLogError) {
            let read = try await log.read(LogRead(.thread(place.thread, after: start), maximumByteCount: pageByteCount))
            outcome = .success(
                ReadPage(
                    page: read.events.isEmpty
                        ? nil : SharedPage(read.events, thread: place.thread, framing: place.framing),
                    reachesEnd: read.reachesEnd, skipsTrimmed: read.skipsTrimmed))
        } catch {
            outcome = .failure(error)
        }
        let page = (try? outcome.get())?.page.map { (page: $0, sequences: $0.sequences, byteCount: $0.byteCount) }
        let waiters = sharing.withLock { $0.didRead(place, after: start, page: page, now: now) }
        for waiter in waiters { waiter.resume(returning: .didRead(outcome)) }
        return try outcome.get()
    }

    private static func trim(after cursor: UInt64, _ page: SharedPage) -> ReadTrim? {
        let first = page.firstID
        return first.sequence > cursor + 1 ? ReadTrim(sequence: first.sequence - 1, oldest: first) : nil
    }

    /// Nothing was left when the page was read; later events are read next.
    private func trim(_ thread: ThreadID, after cursor: UInt64) async throws(EventLogError) -> ReadTrim? {
        guard let record = try await record(of: thread), record.oldest.sequence > cursor + 1 else { return nil }
        return record.isEmpty
            ? ReadTrim(sequence: record.head.sequence, cursor: record.head)
            : ReadTrim(sequence: record.oldest.sequence - 1, oldest: record.oldest)
    }

    /// Drops the pages that were kept for too long.
    func expire() { sharing.withLock { $0.expire(now: now) } }

    /// Drops all pages.
    func removeAll() { sharing.withLock { $0.removeAll() } }

    /// Milliseconds of a clock that never goes back.
    private var now: Int64 { environment.monotonicMilliseconds }
}

/// Events that a reader has not seen, and that are no longer available.
struct ReadTrim: Sendable {
    /// The last of them.
    var sequence: UInt64
    /// Its id, when it is known.
    var cursor: EventID?
    /// The oldest event that is kept; `nil` for none.
    var oldest: EventID?
}
