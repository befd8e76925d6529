import AgentEvents

/// What the file says of a thread.
struct StoredThread: Sendable {
    let number: UInt64
    let owner: ThreadOwner
    /// The generation of its first event.
    let generation: UInt64
    /// The last event that is in a chunk; `nil` for none.
    var head: EventID?
    /// The runs that were open at ``head``.
    var openRuns: [OpenRun] = []

    /// The same, with an owner that is equal.
    func owned(by owner: ThreadOwner) -> StoredThread {
        var thread = StoredThread(number: number, owner: owner, generation: generation)
        thread.head = head
        thread.openRuns = openRuns
        return thread
    }
}
