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
    }

    func run() async -> Result<Page, EventLogError> {
        do throws(EventLogError) {
            let page = try await log.read(LogRead(.thread(thread, after: after), maximumByteCount: byteCount))
            guard !page.events.isEmpty else { return .success(Page(reachesEnd: page.reachesEnd)) }
            let allocator = ByteBufferAllocator()
            let events =
                merges
                ? FramedEvents(merging: page.events, thread: thread, allocator: allocator)
                : FramedEvents(page.events, thread: thread, allocator: allocator)
            return .success(Page(events: events, reachesEnd: page.reachesEnd))
        } catch {
            return .failure(error)
        }
    }
}
