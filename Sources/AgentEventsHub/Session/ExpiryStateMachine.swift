/// Decides when the client of a connection is warned that its credentials end, and when they have ended.
///
///     (no end) ── refresh ──> counting ── 30 seconds before the end ──> warned ── the end ──> over
///        ^                    ^   │ └── without a warning, in a short life ───────────────────> │
///        └────── refresh ─────┴───┴────────────── refresh ──────────┘
///
/// Times are in milliseconds on the monotonic clock. After the end nothing counts any longer.
package struct ExpiryStateMachine: Equatable {
    /// The time before the end at which the client is warned.
    package static var warningMilliseconds: Int64 { 30_000 }
    /// Credentials with a life that is not longer than this end without a warning.
    package static var longestLifeWithoutWarning: Int64 { 60_000 }

    private enum State: Equatable {
        case unlimited
        case counting(end: Int64, warnsAt: Int64?)
        case over
    }

    private var state = State.unlimited

    /// - Parameters:
    ///   - end: the end of the credentials; `nil` for none.
    package init(end: Int64?, at now: Int64) { begin(end: end, at: now) }

    /// The credentials were replaced.
    package mutating func refreshed(end: Int64?, at now: Int64) {
        switch state {
        case .unlimited, .counting: begin(end: end, at: now)
        case .over: break
        }
    }

    private mutating func begin(end: Int64?, at now: Int64) {
        guard let end else {
            state = .unlimited
            return
        }
        let isLong = end - now > Self.longestLifeWithoutWarning
        state = .counting(end: end, warnsAt: isLong ? end - Self.warningMilliseconds : nil)
    }

    package enum Action: Equatable {
        case none
        /// Tell the client how much time is left.
        case warn(milliseconds: Int64)
        /// Close the connection.
        case expire
    }

    /// Time has passed.
    package mutating func check(at now: Int64) -> Action {
        guard case .counting(let end, let warnsAt) = state else { return .none }
        guard now < end else {
            state = .over
            return .expire
        }
        guard let warnsAt, now >= warnsAt else { return .none }
        state = .counting(end: end, warnsAt: nil)
        return .warn(milliseconds: end - now)
    }

    /// The time at which to look next; `nil` for never.
    package var nextCheck: Int64? {
        switch state {
        case .unlimited, .over: nil
        case .counting(let end, let warnsAt): warnsAt ?? end
        }
    }
}
