import AgentEvents

/// Decides who reads a page of a thread from the log, who waits for it, and who gets one that was read a moment ago.
///
/// Readers that are behind at different places of a thread share pages: one that begins cold reads from a fixed boundary
/// at or before its place on, and one that reads on does so where the page before ended. Pages are kept for a moment,
/// and only so many bytes of them.
package struct PageSharingStateMachine<Thread: Hashable, Page, Waiter> {
    package struct Limits: Hashable, Sendable {
        /// How many bytes of pages are kept.
        package var maximumByteCount = 8 * 1024 * 1024
        /// What a page costs besides its own bytes.
        package var pageByteCount = 4096
        /// How long a page is kept, in milliseconds: what is trimmed is not shown for longer than this.
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
    /// What the pages kept cost.
    package private(set) var byteCount = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package enum JoinAction {
        /// The page has the event behind the cursor.
        case use(Page)
        /// The caller reads a page behind this sequence, and then says so.
        case read(after: UInt64)
        /// The caller waits for a page that is being read.
        case wait
    }

    /// Somebody wants a page with the event behind a cursor.
    ///
    /// - Parameters:
    ///   - isExact: whether a page is to begin there, because one from a boundary before does not reach so far.
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
    /// - Parameter page: `nil` when there was nothing to read; else what it has and what it costs.
    /// - Returns: those who wait for it.
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

    /// Drops what is too old.
    package mutating func expire(now: Int64) {
        while let (thread, number) = order.first {
            if let oldest = kept[thread]?.first, oldest.number == number, now - oldest.readAt < limits.maximumAge {
                return
            }
            dropOldest()
        }
    }

    /// Drops all pages; what is under way goes on.
    package mutating func removeAll() {
        kept = [:]
        order.removeAll()
        byteCount = 0
    }
}
