import AgentEvents

/// An idempotency key with the events it stands for.
struct PlannedKey: Hashable, Sendable {
    /// The thread's number.
    let thread: UInt64
    let key: IdempotencyKey
    let ids: RisingIDs
    /// The digest that came with the key; `nil` for one that an earlier version wrote.
    let digest: RequestDigest?
    /// When it was committed; it counts for 24 hours.
    let time: Timestamp

    init(thread: UInt64, key: IdempotencyKey, ids: RisingIDs, digest: RequestDigest?, time: Timestamp) {
        self.thread = thread
        self.key = key
        self.ids = ids
        self.digest = digest
        self.time = time
    }

    /// Reads a stored key; `nil` when a request cannot have logged it.
    init?(
        thread: UInt64,
        key: IdempotencyKey,
        first: EventID,
        count: UInt64,
        gaps: [RisingIDs.Gap],
        digest: RequestDigest?,
        time: Timestamp
    ) {
        guard let count = Int(exactly: count), count <= 1 << 24,
            let ids = RisingIDs(first: first, count: count, gaps: gaps)
        else { return nil }
        self.init(thread: thread, key: key, ids: ids, digest: digest, time: time)
    }
}
