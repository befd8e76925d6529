package import AgentEvents

/// Keeps what the reader of one thread has acknowledged, and decides when the service is told (I10). Cumulative: only the
/// last one counts, so it needs no queue.
package struct FollowerAcknowledgementStateMachine: Hashable, Sendable {
    /// After so many acknowledged events the service is told without delay.
    package static let batchCount: UInt64 = 100

    /// The events that the reader was given, and may know of from before.
    private var given = GivenEvents(reachingBack: true)
    /// The last event that the reader has acknowledged and the service was not told of.
    private var pending: Cursor?
    /// The last event that the service was told of.
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
        /// Known already, or void.
        case ignore
        /// The service is to be told, soon.
        case wait
        /// The service is to be told.
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

    /// Time went by, or there is a subscription again: whatever is pending is due.
    package mutating func becomeDue() { isDue = pending != nil }

    /// - Returns: what the service is to be told now; `nil` for nothing.
    package mutating func takeDue() -> Cursor? {
        guard isDue, let cursor = pending else { return nil }
        pending = nil
        lastSent = cursor
        isDue = false
        return cursor
    }

    /// What the service was told last it could not take just now, or it may not have reached it: it is told again.
    package mutating func refused() {
        pending = pending ?? lastSent
        lastSent = nil
    }

    /// The history is void: what is acknowledged of it is of no interest any more.
    package mutating func reset() {
        self = Self()
        isVoid = true
    }

    /// The reader knows that its history is void.
    package mutating func didDeliverReset() { self = Self() }
}
