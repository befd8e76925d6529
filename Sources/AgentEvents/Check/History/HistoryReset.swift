/// What a client was told when its cursor was of no use: what it has of the thread is void, and the events come from the
/// oldest one on that is kept.
package struct HistoryReset: Hashable, Sendable {
    package var reason: ResetReason
    /// Where the thread begins now; `nil` when no event is kept.
    package var oldest: EventID?

    package init(_ reason: ResetReason, oldest: EventID?) {
        self.reason = reason
        self.oldest = oldest
    }
}
