package import AgentEvents

/// Keeps the last event that the reader of one thread has acknowledged, and decides when the service is told (I10).
/// Acknowledgements are cumulative: only the last one counts, so there is no queue.
///
///     settled ── acknowledge ──> pending ── becomeDue, or enough events ──> due ── takeDue ──> settled
///        └── refused: the last one that was sent is pending again ──> pending
///
///     void ── didDeliverReset ──> settled        (void follows any state, by `reset`)
package struct FollowerAcknowledgementStateMachine: Hashable, Sendable {
    /// After this number of acknowledged events the service is told without delay.
    package static let batchCount: UInt64 = 100

    /// The events that the reader was given, or may know from before.
    private var given = GivenEvents(reachingBack: true)
    /// The last event that the reader has acknowledged and that has not been sent to the service.
    private var pending: Cursor?
    /// The last event that was sent to the service.
    private var lastSent: Cursor?
    private var isDue = false
    /// Whether the reader has yet to learn that its history is void.
    private var isVoid = false

    package init() {}

    /// The reader was given an event.
    ///
    /// - Parameter first: the first sequence that it stands for; `nil` for its own.
    package mutating func didDeliver(_ cursor: Cursor, from first: UInt64? = nil) {
        given.insert(cursor, from: first ?? cursor.sequence)
    }

    package enum AcknowledgeAction: Hashable, Sendable {
        /// Acknowledged already, or of a void history.
        case ignore
        /// Send it soon.
        case wait
        /// Send it now.
        case tell
        /// The reader was not given this event.
        case reject
    }

    /// The reader acknowledged everything up to an event.
    package mutating func acknowledge(_ cursor: Cursor) -> AcknowledgeAction {
        guard !isVoid else { return .ignore }
        guard given.mayInclude(cursor) else { return .reject }
        guard cursor.sequence > max(pending?.sequence ?? 0, lastSent?.sequence ?? 0) else { return .ignore }
        pending = cursor
        if cursor.sequence - (lastSent?.sequence ?? 0) >= Self.batchCount { isDue = true }
        return isDue ? .tell : .wait
    }

    package var isPending: Bool { pending != nil }

    /// Time went by, or there is a subscription again: a pending acknowledgement is due.
    package mutating func becomeDue() { isDue = pending != nil }

    /// - Returns: the acknowledgement to send now; `nil` for none.
    package mutating func takeDue() -> Cursor? {
        guard isDue, let cursor = pending else { return nil }
        pending = nil
        lastSent = cursor
        isDue = false
        return cursor
    }

    /// The service could not take the last acknowledgement just now, or it may not have arrived: it is sent again.
    package mutating func refused() {
        pending = pending ?? lastSent
        lastSent = nil
    }

    /// The history is void, and so is every acknowledgement of it.
    package mutating func reset() {
        self = Self()
        isVoid = true
    }

    /// The reader knows that its history is void.
    package mutating func didDeliverReset() { self = Self() }
}
