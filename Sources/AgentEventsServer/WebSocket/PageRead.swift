import AgentEvents
import NIOCore

/// Reads a page of a thread and frames it. Runs on a worker.
struct PageRead: Sendable {
    let thread: ThreadID
    let after: UInt64
    let byteCount: Int
    let log: any EventLog

    struct Page: Sendable {
        /// `nil` when there is nothing behind the cursor.
        var events: FramedEvents?
        var reachesEnd: Bool
    }

    func run() async -> Result<Page, EventLogError> {
        do throws(EventLogError) {
            let page = try await log.read(LogRead(.thread(thread, after: after), maximumByteCount: byteCount))
            let events =
                page.events.isEmpty
                ? nil : FramedEvents(page.events, thread: thread, allocator: ByteBufferAllocator())
            return .success(Page(events: events, reachesEnd: page.reachesEnd))
        } catch {
            return .failure(error)
        }
    }
}
