package import AgentEvents

/// Decides when the token of a connection is replaced: at 80 % of its life, give or take a tenth, and at least 30 seconds before
/// its end.
///
///     (no end) ── welcome ──> counting ── due, or the service warns ──> replacing ── refreshed ──> counting
///                                ^                                         │
///                                └──────── a moment later ── failed <──────┘
///
/// Times are of the wall clock, which is looked at again after every wait: a machine may have slept.
package struct TokenStateMachine: Equatable {
    /// The time before the end by which a token is replaced, unless its life is short.
    static let margin: Int64 = 30_000
    /// The pause after a token could not be replaced.
    static let retryPause: Int64 = 5000
    /// The clock is looked at again after this time.
    static let longestWait: Int64 = 10_000

    private enum State: Equatable {
        case unlimited
        case counting(due: Int64)
        case replacing
    }

    private var state = State.unlimited

    package init() {}

    /// The service said when the token ends.
    ///
    /// - Parameters:
    ///   - expiresAt: `nil` when it does not.
    ///   - random: 0 up to, not including, 1.
    package mutating func began(expiresAt: Timestamp?, at now: Timestamp, random: Double) {
        guard let expiresAt else {
            state = .unlimited
            return
        }
        let life = expiresAt.milliseconds(since: now)
        let jittered = Int64(Double(life) * 0.8 * (0.9 + 0.2 * random))
        // Of a short life half is over first, so that a service of such tokens is not asked all the time.
        let wait = max(min(jittered, life - Self.margin), life / 2)
        state = .counting(due: now.milliseconds + wait)
    }

    /// The service warns that the token is about to end: its clock counts.
    package mutating func warned(at now: Timestamp) {
        switch state {
        case .unlimited, .counting: state = .counting(due: now.milliseconds)
        case .replacing: break
        }
    }

    package enum Action: Equatable {
        /// Nothing to do until something is said.
        case rest
        /// Look again after this time.
        case wait(milliseconds: Int64)
        /// Get a new token, and send it; ``began(expiresAt:at:random:)`` or ``failed(at:)`` follows.
        case replace
    }

    package mutating func check(at now: Timestamp) -> Action {
        switch state {
        case .unlimited, .replacing:
            return .rest
        case .counting(let due):
            guard now.milliseconds < due else {
                state = .replacing
                return .replace
            }
            return .wait(milliseconds: min(due - now.milliseconds, Self.longestWait))
        }
    }

    /// There was no new token, or the service did not take it. The one before counts until its end.
    package mutating func failed(at now: Timestamp) {
        guard case .replacing = state else { return }
        state = .counting(due: now.milliseconds + Self.retryPause)
    }
}
