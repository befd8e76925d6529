import AgentEvents
import NIOCore

/// Gets the next page for a subscriber that catches up. Runs on a worker.
struct PageRead: Sendable {
    let thread: ThreadID
    let after: UInt64
    /// The number of the last event that is hidden from the subscriber; 0 for none.
    let hiddenUpTo: UInt64
    let merges: Bool
    let framing: StreamFraming
    /// The source of the state that stands for trimmed events; `nil` when the subscriber wants none.
    let snapshots: ThreadSnapshots?
    let pages: ThreadPages

    struct Page: Sendable {
        /// The frames of the events after the cursor, which others may share; empty when there are none.
        var frames: [ByteBuffer] = []
        /// The last event that the frames have; `nil` when there are none.
        var lastID: EventID?
        /// The events of the page, by their generations.
        var parts: [SharedPage.Part] = []
        /// Whether nothing followed when the page was read.
        var reachesEnd: Bool
        /// Set when events after the cursor were trimmed before they were read.
        var trim: ReadTrim?
        /// The state that stands for everything up to ``lastID``, in the place of frames.
        var snapshot: SnapshotMessages?
    }

    func run() async -> Result<Page, EventLogError> {
        do throws(EventLogError) {
            let found = try await pages.read(thread, after: max(after, hiddenUpTo), framing: framing)
            var trim = found.trim
            if trim == nil, after < hiddenUpTo {
                trim = ReadTrim(sequence: hiddenUpTo, oldest: found.page?.id(of: hiddenUpTo + 1))
            }
            var read = Page(reachesEnd: found.reachesEnd, trim: trim)
            if trim != nil, let snapshots {
                let snapshot = try await snapshots.messages(of: thread, hiddenUpTo: hiddenUpTo, framing: framing)
                read.snapshot = snapshot
                read.lastID = snapshot.cursor
                read.reachesEnd = false
            } else if let page = found.page {
                read.frames = page.frames(after: max(after, trim?.sequence ?? 0), merges: merges)
                read.lastID = page.lastID
                read.parts = page.parts
            }
            return .success(read)
        } catch {
            return .failure(error)
        }
    }
}
