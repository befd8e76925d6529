public import AgentEvents
import Synchronization

/// A deletion is in the index when it returns, flushed to the disk. The erasure reads all files of blocks, and writes
/// those again that have something of a deleted thread: block for block at the same positions, so that the files keep
/// their size. The room is free once nothing else in a file can be read (``TrimmableLog``).
extension FileEventLog: DeletingEventLog {
    public func delete(_ threads: [ThreadID], at time: Timestamp) async throws(EventLogError) {
        let erasure = try openErasure()
        guard !threads.isEmpty else { return }
        try await onState { () throws(EventLogError) in try erasure.delete(threads, at: time) }
    }

    public func erase(clock: WallClock) async throws(EventLogError) -> [ThreadDeletion] {
        let erasure = try openErasure()
        // With what trims: both take files away from under each other.
        return try await onRetention { () throws(EventLogError) in
            try erasure.erase(clock: clock) { () throws(EventLogError) -> [Segment] in try seal() }
        }
    }

    public func deletion(of thread: ThreadID) async throws(EventLogError) -> ThreadDeletion? {
        let connection = try openConnection()
        guard connection.deleted.hasAny else { return nil }
        return try connection.index.read { try DeletionDatabase.deletion(of: ThreadKey(thread), in: $0) }
    }

    public func unfinishedDeletions() async throws(EventLogError) -> [ThreadID] {
        let connection = try openConnection()
        guard connection.deleted.hasAny else { return [] }
        return try connection.index.read { try DeletionDatabase.unfinished(in: $0).map(\.id) }
    }

    public func threads(of user: UserID) async throws(EventLogError) -> [ThreadID] {
        let connection = try openConnection()
        return try await onReaders { () throws(EventLogError) in
            // The memory first, the file second: what leaves the one is in the other before.
            var found = connection.tail.withLock { $0.threads(of: user) }
            let stored = try connection.index.read { try LogDatabase.threads(of: user, in: $0) }
            for thread in stored { found[thread.number] = thread.owner.thread }
            return found.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
