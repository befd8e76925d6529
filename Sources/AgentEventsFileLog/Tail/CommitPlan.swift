/// The place in the index of an entry that is about to be committed.
struct Placement: Sendable {
    /// The thread's place in memory.
    let slot: Int
    /// The thread's number.
    let number: UInt64
    let mark: RunMark?
}

/// The further parts of a commit, decided before it is written and taken over afterwards.
struct CommitPlan: Sendable {
    /// One for each entry.
    var placements: [Placement] = []
    /// The threads of which this is the first commit.
    var newThreads: [StoredThread] = []
    var keys: [PlannedKey] = []
}
