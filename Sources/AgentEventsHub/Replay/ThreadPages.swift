import AgentEvents
import Synchronization

/// The way to the log of all who are behind: they share the pages that are read, and what is looked up of a thread. So
/// what a herd of them costs depends on how many threads they follow, and not on how many they are.
final class ThreadPages: Sendable {
    /// What was found behind a cursor.
    struct Found: Sendable {
        /// A page with the event behind the cursor, or with the first one that is kept; `nil` when there is none.
        var page: SharedPage?
        /// Whether nothing followed the page, or the cursor when there is no page, at some time since the call.
        var reachesEnd: Bool
        /// Set when events behind the cursor are not to be had any more.
        var trim: ReadTrim?
    }

    /// What a read of the log brought.
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
    private let pageByteCount: Int
    private let metrics: StreamMetrics
    private let environment: Environment
    private let sharing = Mutex(PageSharingStateMachine<Place, SharedPage, CheckedContinuation<Turn, Never>>())
    private let records = SharedComputations<ThreadRecord?>()

    /// - Parameter pageByteCount: how many bytes of events are read at a time.
    init(log: any EventLog, pageByteCount: Int, metrics: StreamMetrics, environment: Environment) {
        self.log = log
        self.pageByteCount = pageByteCount
        self.metrics = metrics
        self.environment = environment
    }

    /// What the log knows of a thread, at some time since the call.
    func record(of thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await records.value(of: thread) { () async throws(EventLogError) in try await log.thread(thread) }
    }

    /// The events behind a cursor, or some of them; with no promise that what was committed a moment ago is among them.
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
                return Found(page: page, reachesEnd: false, trim: Self.trim(behind: cursor, page))
            case .read(let start):
                let read = try await read(place, from: start)
                if let page = read.page, page.lastID.sequence > cursor {
                    return Found(
                        page: page, reachesEnd: read.reachesEnd, trim: Self.trim(behind: cursor, page))
                }
                guard read.reachesEnd else { break }
                let trim = read.skipsTrimmed ? try await trim(thread, behind: cursor) : nil
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

    private static func trim(behind cursor: UInt64, _ page: SharedPage) -> ReadTrim? {
        let first = page.firstID
        return first.sequence > cursor + 1 ? ReadTrim(sequence: first.sequence - 1, oldest: first) : nil
    }

    /// Nothing was left when the page was read; what came since is read next.
    private func trim(_ thread: ThreadID, behind cursor: UInt64) async throws(EventLogError) -> ReadTrim? {
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
