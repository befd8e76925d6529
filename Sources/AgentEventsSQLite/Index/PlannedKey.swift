import AgentEvents

/// An idempotency key with the events it stands for.
struct PlannedKey: Hashable, Sendable {
    /// The thread's number.
    let thread: UInt64
    let key: IdempotencyKey
    let first: EventID
    let count: Int
    /// When it was committed; it counts for 24 hours.
    let time: Timestamp

    /// Whether a request can have logged so many events; anything else was not written by this program.
    static func isValid(count: Int) -> Bool { (1...1 << 24).contains(count) }

    var ids: [EventID] {
        (0..<UInt64(count)).map { EventID(generation: first.generation, sequence: first.sequence + $0) }
    }
}
