import AgentEvents
import NIOCore

/// Reads a page of a thread and frames it. Runs on a worker.
struct PageRead: Sendable {
    let thread: ThreadID
    let after: UInt64
    let byteCount: Int
    let merges: Bool
    let log: any EventLog

    struct Page: Sendable {
        /// `nil` when there is nothing behind the cursor.
        var events: FramedEvents?
        var reachesEnd: Bool
        /// Set when events behind the cursor were trimmed before they were read.
        var trim: ReadTrim?
    }

    func run() async -> Result<Page, EventLogError> {
        do throws(EventLogError) {
            let page = try await log.read(LogRead(.thread(thread, after: after), maximumByteCount: byteCount))
            var read = Page(reachesEnd: page.reachesEnd)
            if page.skipsTrimmed { read.trim = try await trim(before: page.events.first?.id) }
            guard !page.events.isEmpty else { return .success(read) }
            let allocator = ByteBufferAllocator()
            read.events =
                merges
                ? FramedEvents(merging: page.events, thread: thread, allocator: allocator)
                : FramedEvents(page.events, thread: thread, allocator: allocator)
            return .success(read)
        } catch {
            return .failure(error)
        }
    }

    private func trim(before first: EventID?) async throws(EventLogError) -> ReadTrim {
        if let first { return ReadTrim(sequence: first.sequence - 1, oldest: first) }
        // Nothing was left when the page was read; what came since is read next.
        guard let record = try await log.thread(thread) else { return ReadTrim(sequence: after) }
        return record.isEmpty
            ? ReadTrim(sequence: record.head.sequence, cursor: record.head)
            : ReadTrim(sequence: record.oldest.sequence - 1, oldest: record.oldest)
    }
}

/// Events that a reader has not seen, and that are not to be had any more.
struct ReadTrim: Sendable {
    /// The last of them.
    var sequence: UInt64
    /// Its id, when it is known.
    var cursor: EventID?
    /// The oldest event that is kept; `nil` for none.
    var oldest: EventID?
}
