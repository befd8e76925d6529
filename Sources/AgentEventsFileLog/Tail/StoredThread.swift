import AgentEvents

/// The record of a thread in the index.
struct StoredThread: Sendable {
    let number: UInt64
    let owner: ThreadOwner
    /// With the thread's id, its key.
    var tenant = TenantID.default
    /// The oldest event that can be read; `nil` before the first. In a thread that was trimmed only the sequence
    /// counts, and the generation is 0; the sequence is the one after the head's when nothing is left.
    var oldest: EventID?
    /// The last event that is in a chunk; `nil` for none.
    var head: EventID?
    /// The runs that were open at ``head``.
    var openRuns: [OpenRun] = []

    /// All that tells the thread apart from others: its id alone is of one tenant only.
    var key: ThreadKey { ThreadKey(owner.thread, tenant: tenant) }

    /// The same, with an owner that is equal.
    func owned(by owner: ThreadOwner) -> StoredThread {
        StoredThread(number: number, owner: owner, tenant: tenant, oldest: oldest, head: head, openRuns: openRuns)
    }
}

/// The key under which a thread is stored.
struct ThreadKey: Hashable, Sendable {
    let tenant: TenantID
    let thread: ThreadID

    init(_ thread: ThreadID, tenant: TenantID = .default) {
        self.tenant = tenant
        self.thread = thread
    }
}
