/// The threads that were deleted from a log in memory.
struct InMemoryDeletions: Sendable {
    private var known: [ThreadDigest: ThreadDeletion] = [:]
    /// In the order in which they were deleted; not erased yet.
    private(set) var unfinished: [ThreadID] = []

    subscript(thread: ThreadID) -> ThreadDeletion? {
        known.isEmpty ? nil : known[ThreadDigest(of: thread)]
    }

    func contains(_ thread: ThreadID?) -> Bool { thread.map { self[$0] != nil } ?? false }

    /// - Throws: `log.conflict` when a thread of a commit was deleted.
    func check(_ commit: LogCommit, isKnown: (ThreadID) -> Bool) throws(EventLogError) {
        guard !known.isEmpty else { return }
        for entry in commit.entries where !isKnown(entry.owner.thread) && contains(entry.owner.thread) {
            throw .deleted(entry.owner.thread)
        }
    }

    mutating func add(_ owner: ThreadOwner, at time: Timestamp) {
        let deletion = ThreadDeletion(of: owner, at: time)
        known[deletion.thread] = deletion
        unfinished.append(owner.thread)
    }

    mutating func erase(at time: Timestamp) -> [ThreadDeletion] {
        let erased = unfinished.compactMap { thread -> ThreadDeletion? in
            let digest = ThreadDigest(of: thread)
            known[digest]?.erasedAt = time
            return known[digest]
        }
        unfinished = []
        return erased
    }
}

extension EventLogError {
    /// Events of a thread that was deleted are offered to a log.
    package static func deleted(_ thread: ThreadID) -> EventLogError {
        EventLogError(.conflict, "the thread \(thread) was deleted, and takes no events any longer: use another id")
    }
}
