import NIOCore

/// The latest commits of a thread, without a gap: with them, readers catch up although further commits come in.
struct RecentCommits {
    /// The number of bytes that are kept in addition to the latest commit.
    static let maximumByteCount = 256 * 1024

    private var commits: [FramedEvents] = []
    private var byteCount = 0

    var isEmpty: Bool { commits.isEmpty }

    mutating func append(_ committed: CommittedEvents) {
        // Of what came as a notice the log has the events.
        guard let events = committed.events else { return clear() }
        // The loop was not told of what came while nobody followed the thread.
        if let last = commits.last, last.lastSequence + 1 != events.firstSequence { clear() }
        commits.append(events)
        byteCount += events.byteCount
        while byteCount > Self.maximumByteCount, commits.count > 1 {
            byteCount -= commits.removeFirst().byteCount
        }
    }

    mutating func clear() {
        commits = []
        byteCount = 0
    }

    /// The frames after a sequence number up to the last commit; `nil` when they are not all kept.
    func frames(after sequence: UInt64) -> [ByteBuffer]? {
        guard let first = commits.first, first.firstSequence <= sequence + 1 else { return nil }
        return commits.compactMap { $0.frames(after: sequence) }
    }
}
