/// What the index says of an entry that is about to be committed.
struct Placement: Sendable {
    /// The thread's place in memory.
    let slot: Int
    /// The thread's number in the file.
    let number: UInt64
    let mark: RunMark?
}

/// What to write besides the blocks, decided before the commit and taken over after it.
struct CommitPlan: Sendable {
    /// One for each entry.
    var placements: [Placement] = []
    var newThreads: [StoredThread] = []
    var chunks: [DueChunk] = []
    /// All blocks up to this one are in chunks.
    var indexedThrough: Int64 = 0
}

/// A chunk that is to be written, and whose it is.
struct DueChunk: Sendable {
    let slot: Int
    let chunk: IndexChunk
}
