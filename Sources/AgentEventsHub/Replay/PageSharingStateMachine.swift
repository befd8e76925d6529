import AgentEvents

/// Decides which readers read a page of a thread from the log, which wait for it, and which get one that was read a
/// moment ago.
///
/// Readers that catch up at different places of a thread share pages: a reader that begins reads from a fixed boundary
/// at or before its place, and one that continues reads from the end of its last page. Pages are kept for a moment, up
/// to a limit of bytes.
///
///     a page of a place:   unknown ── join: read ──> being read ── didRead ──> kept ── too old, too many bytes ──> unknown
///                                                      │    └── didRead with nothing ──> unknown
///     a reader:            join ── kept: use ──> served
///                            ├── being read: wait ── didRead ──> served
///                            └── unknown: read ── didRead ──> served
package struct PageSharingStateMachine<Thread: Hashable, Page, Waiter> {
    package struct Limits: Hashable, Sendable {
        /// The number of bytes of pages that are kept.
        package var maximumByteCount = 8 * 1024 * 1024
        /// The cost of a page in addition to its own bytes.
        package var pageByteCount = 4096
        /// The time for which a page is kept, in milliseconds: trimmed events are not shown for longer than this.
        package var maximumAge: Int64 = 2000
        /// Cold readers begin at multiples of this sequence number.
        package var alignment: UInt64 = 32

        package init() {}
    }

    private struct Kept {
        let number: UInt64
        let sequences: ClosedRange<UInt64>
        let page: Page
        let byteCount: Int
        let readAt: Int64
    }

    private struct Reading {
        let start: UInt64
        var waiters: [Waiter] = []
    }

    private let limits: Limits
    private var kept: [Thread: [Kept]] = [:]
    private var readings: [Thread: [Reading]] = [:]
    /// In the order of their reading; some may be gone.
    private var order = Deque<(thread: Thread, number: UInt64)>()
    private var nextNumber: UInt64 = 0
    /// The cost of the pages that are kept.
    package private(set) var byteCount = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package enum JoinAction {
        /// The page has the event after the cursor.
        case use(Page)
        /// The caller reads a page after this sequence, and then calls `didRead`.
        case read(after: UInt64)
        /// The caller waits for a page that is being read.
        case wait
    }

    /// A reader wants a page with the event after a cursor.
    ///
    /// - Parameters:
    ///   - isExact: whether the page must begin there, because one from a boundary before does not reach that far.
    ///   - waiter: kept when the answer is `wait`; without one nothing changes then.
    package mutating func join(
        _ thread: Thread,
        after cursor: UInt64,
        isExact: Bool,
        waiter: Waiter?,
        now: Int64
    ) -> JoinAction {
        expire(now: now)
        let pages = kept[thread] ?? []
        if let page = pages.last(where: { $0.sequences.contains(cursor + 1) }) { return .use(page.page) }
        let isContinuation = isExact || pages.contains { $0.sequences.upperBound == cursor }
        let start = isContinuation ? cursor : cursor - cursor % limits.alignment
        let underWay = readings[thread] ?? []
        if let index = underWay.firstIndex(where: { start...cursor ~= $0.start }) {
            if let waiter { readings[thread]?[index].waiters.append(waiter) }
            return .wait
        }
        readings[thread, default: []].append(Reading(start: start))
        return .read(after: start)
    }

    /// A page was read, or could not be.
    ///
    /// - Parameter page: the page, its events and its cost; `nil` when there was nothing to read.
    /// - Returns: the readers that wait for it.
    package mutating func didRead(
        _ thread: Thread,
        after start: UInt64,
        page: (page: Page, sequences: ClosedRange<UInt64>, byteCount: Int)?,
        now: Int64
    ) -> [Waiter] {
        guard let index = readings[thread]?.firstIndex(where: { $0.start == start }),
            let reading = readings[thread]?.remove(at: index)
        else { preconditionFailure("only what is being read was read") }
        if readings[thread]?.isEmpty == true { readings[thread] = nil }
        if let page { keep(page.page, page.sequences, page.byteCount + limits.pageByteCount, of: thread, now: now) }
        return reading.waiters
    }

    private mutating func keep(
        _ page: Page,
        _ sequences: ClosedRange<UInt64>,
        _ byteCount: Int,
        of thread: Thread,
        now: Int64
    ) {
        guard byteCount <= limits.maximumByteCount else { return }
        // A later page of the same place has more.
        drop(thread) { sequences.lowerBound <= $0.lowerBound && $0.upperBound <= sequences.upperBound }
        kept[thread, default: []].append(
            Kept(number: nextNumber, sequences: sequences, page: page, byteCount: byteCount, readAt: now))
        order.append((thread, nextNumber))
        nextNumber += 1
        self.byteCount += byteCount
        while self.byteCount > limits.maximumByteCount { dropOldest() }
    }

    private mutating func drop(_ thread: Thread, where isObsolete: (ClosedRange<UInt64>) -> Bool) {
        guard var pages = kept.removeValue(forKey: thread) else { return }
        for page in pages where isObsolete(page.sequences) { byteCount -= page.byteCount }
        pages.removeAll { isObsolete($0.sequences) }
        if !pages.isEmpty { kept[thread] = pages }
    }

    private mutating func dropOldest() {
        guard let (thread, number) = order.popFirst() else { preconditionFailure("what costs something is kept") }
        // The pages of a thread are in the order of their reading as well.
        guard let oldest = kept[thread]?.first, oldest.number == number else { return }
        byteCount -= oldest.byteCount
        kept[thread]?.removeFirst()
        if kept[thread]?.isEmpty == true { kept[thread] = nil }
    }

    /// Drops the pages that are too old.
    package mutating func expire(now: Int64) {
        while let (thread, number) = order.first {
            if let oldest = kept[thread]?.first, oldest.number == number, now - oldest.readAt < limits.maximumAge {
                return
            }
            dropOldest()
        }
    }

    /// Drops all pages; reads that are under way continue.
    package mutating func removeAll() {
        kept = [:]
        order.removeAll()
        byteCount = 0
    }
}
