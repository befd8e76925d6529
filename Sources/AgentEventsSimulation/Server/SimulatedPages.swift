import AgentEvents
import AgentEventsHub

/// Mirrors `ThreadPages`: pages that those who are behind share. A read of the log is one step here, so that nobody waits
/// for another's; that a page was read long before it is taken comes all the same.
final class SimulatedPages {
    struct Trim {
        /// The last event that is not to be had any more.
        var sequence: UInt64
        /// Its id, when it is known.
        var cursor: EventID?
        /// The oldest event that is kept.
        var oldest: EventID?
    }

    struct Found {
        var page: SimulatedPage?
        var reachesEnd: Bool
        var trim: Trim?
        /// Whether the page was read for somebody else.
        var isShared = false
    }

    private let log: SimulatedLog
    private let pageByteCount: Int
    private var sharing: PageSharingStateMachine<ThreadID, SimulatedPage, Int>

    init(log: SimulatedLog, pageByteCount: Int) {
        self.log = log
        self.pageByteCount = pageByteCount
        var limits = PageSharingStateMachine<ThreadID, SimulatedPage, Int>.Limits()
        limits.maximumByteCount = 16 * pageByteCount
        limits.pageByteCount = 0
        limits.alignment = 4
        sharing = PageSharingStateMachine(limits: limits)
    }

    func read(_ thread: Int, after cursor: UInt64, now: Int64) -> Found {
        let stored = log.threads[thread]
        var isExact = false
        while true {
            switch sharing.join(stored.owner.thread, after: cursor, isExact: isExact, waiter: nil, now: now) {
            case .use(let page):
                return Found(page: page, reachesEnd: false, isShared: true)
            case .wait:
                preconditionFailure("a read is one step")
            case .read(let start):
                let read = stored.page(after: start, byteCount: pageByteCount)
                let page = read.events.isEmpty ? nil : SimulatedPage(read.events)
                _ = sharing.didRead(
                    stored.owner.thread, after: start,
                    page: page.map { ($0, $0.sequences, $0.byteCount) }, now: now)
                if let page, page.sequences.upperBound > cursor {
                    let first = page.events[0].id
                    let trim = Trim(sequence: first.sequence - 1, oldest: first)
                    return Found(
                        page: page, reachesEnd: read.reachesEnd, trim: first.sequence > cursor + 1 ? trim : nil)
                }
                if read.reachesEnd {
                    return Found(reachesEnd: true, trim: read.skipsTrimmed ? trim(stored, behind: cursor) : nil)
                }
            }
            isExact = true
        }
    }

    private func trim(_ thread: SimulatedThread, behind cursor: UInt64) -> Trim? {
        guard let record = thread.record, record.oldest.sequence > cursor + 1 else { return nil }
        return record.isEmpty
            ? Trim(sequence: record.head.sequence, cursor: record.head)
            : Trim(sequence: record.oldest.sequence - 1, oldest: record.oldest)
    }

    func expire(now: Int64) { sharing.expire(now: now) }
}
