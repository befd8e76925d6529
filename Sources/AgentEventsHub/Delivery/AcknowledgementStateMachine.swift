package import AgentEvents

/// Decides which acknowledgements of a subscription count: cumulative, only forward, and only what was sent (I10).
///
///     nothing acknowledged ── acknowledge, resume ──> acknowledged up to a cursor ─┐
///                                                          ^── a newer cursor ─────┘
package struct AcknowledgementStateMachine: Equatable {
    /// Everything up to there is acknowledged; `nil` for nothing.
    package private(set) var acknowledged: Cursor?

    package init() {}

    package enum Action: Equatable {
        /// Acknowledged before.
        case none
        case accept
        /// Not an event that the subscriber was sent.
        case rejectNotSent
    }

    /// - Parameter sent: the events sent.
    package mutating func acknowledge(_ cursor: Cursor, sent: GivenEvents) -> Action {
        guard sent.mayInclude(cursor) else { return .rejectNotSent }
        if let acknowledged, !cursor.isNewer(than: acknowledged) { return .none }
        acknowledged = cursor
        return .accept
    }

    /// The subscription begins after the event that was acknowledged before.
    package mutating func resume(at cursor: Cursor?) { acknowledged = cursor }
}
