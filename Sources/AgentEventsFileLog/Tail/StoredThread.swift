import AgentEvents

/// The record of a thread in the index.
struct StoredThread: Sendable {
    let number: UInt64
    let owner: ThreadOwner
    /// The oldest event that can be read; `nil` before the first. In a thread that was trimmed only the sequence
    /// counts, and the generation is 0; the sequence is the one after the head's when nothing is left.
    var oldest: EventID?
    /// The last event that is in a chunk; `nil` for none.
    var head: EventID?
    /// The runs that were open at ``head``.
    var openRuns: [OpenRun] = []

    /// The same, with an owner that is equal.
    func owned(by owner: ThreadOwner) -> StoredThread {
        StoredThread(number: number, owner: owner, oldest: oldest, head: head, openRuns: openRuns)
    }
}
