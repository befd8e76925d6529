package import AgentEvents

/// What a client was told when its cursor was of no use: what it has of the thread is void, and the events come from the
/// oldest one on that is kept.
package struct HistoryReset: Hashable, Sendable {
    package enum Reason: String, CaseIterable, Sendable {
        /// The log lost events that the client had seen.
        case diverged
        /// Events behind the cursor were trimmed.
        case trimmed
        /// The cursor is beyond the end, or of another thread.
        case unknown
    }

    package var reason: Reason
    /// Where the thread begins now; `nil` when no event is kept.
    package var oldest: EventID?

    package init(_ reason: Reason, oldest: EventID?) {
        self.reason = reason
        self.oldest = oldest
    }
}
