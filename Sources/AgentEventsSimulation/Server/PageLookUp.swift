import AgentEvents

/// Mirrors `PageRead`: a page of a thread, framed. Runs on a worker.
struct PageLookUp {
    struct Page {
        var batch: FramedBatch?
        var reachesEnd: Bool
        var trim: Trim?
    }

    /// Events behind the cursor that were trimmed before they were read.
    struct Trim {
        var sequence: UInt64
        var cursor: EventID?
        var oldest: EventID?
    }

    let thread: Int
    let after: UInt64
    let byteCount: Int
    let merges: Bool

    func run(_ log: SimulatedLog) -> Page {
        let stored = log.threads[thread]
        let read = stored.page(after: after, byteCount: byteCount)
        var page = Page(reachesEnd: read.reachesEnd)
        if read.skipsTrimmed {
            if let first = read.events.first?.id {
                page.trim = Trim(sequence: first.sequence - 1, oldest: first)
            } else if let record = stored.record {
                page.trim =
                    record.isEmpty
                    ? Trim(sequence: record.head.sequence, cursor: record.head)
                    : Trim(sequence: record.oldest.sequence - 1, oldest: record.oldest)
            }
        }
        if !read.events.isEmpty { page.batch = FramedBatch(read.events, thread: thread, merging: merges) }
        return page
    }
}
