import AgentEvents

/// Events that a reader has not seen, and that are no longer available.
struct ReadTrim: Sendable {
    /// The last of them.
    var sequence: UInt64
    /// Its id, when it is known.
    var cursor: EventID?
    /// The oldest event that is kept; `nil` for none.
    var oldest: EventID?
}
