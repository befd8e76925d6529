/// The rows to write into the file of the index, for blocks that were written before.
struct IndexUpdate: Sendable {
    /// Threads that have no row.
    var threads: [StoredThread] = []
    var chunks: [IndexChunk] = []
    var keys: [PlannedKey] = []
    /// All blocks before this position are in chunks once this is written.
    var indexedThrough: Int64 = 0
    /// Nothing in it leads beyond this position.
    var end: Int64 = 0

    /// Whether there is nothing to write but how far the index is.
    var isEmpty: Bool { threads.isEmpty && chunks.isEmpty && keys.isEmpty }
}
