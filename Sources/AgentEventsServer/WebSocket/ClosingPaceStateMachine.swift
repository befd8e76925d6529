/// Decides when a WebSocket that closes is read from. What comes is of no use but for the peer's close, and a peer that floods would
/// otherwise have the event loop take all that it sends until its time is over: with no limit, since nothing is counted any longer.
///
///     ready ── reads, a few times ──> ready
///       └── reads once more ──> resting ── the time has passed: it reads ──> ready, with no read left
package struct ClosingPaceStateMachine: Equatable {
    /// The number of reads at once: what is on its way from a peer that has not seen the close yet, up to 64 KiB each.
    package static let readsAtOnce = 4
    /// The pause before each further read, in milliseconds: so an open connection has about as many frames a second.
    package static let pauseMilliseconds: Int64 = 100

    private enum State: Equatable {
        /// The number of reads that are left before a pause.
        case ready(Int)
        /// A read waits for the end of the pause.
        case resting
    }

    private var state = State.ready(readsAtOnce)

    package init() {}

    package enum Action: Equatable {
        case read
        /// Call ``rested()`` after the pause.
        case rest
        /// It is read when the pause is over.
        case wait
    }

    /// Bytes are asked for.
    package mutating func reads() -> Action {
        switch state {
        case .ready(0):
            state = .resting
            return .rest
        case .ready(let left):
            state = .ready(left - 1)
            return .read
        case .resting:
            return .wait
        }
    }

    /// The pause is over.
    ///
    /// - Returns: whether bytes are read now.
    package mutating func rested() -> Bool {
        switch state {
        case .resting:
            state = .ready(0)
            return true
        case .ready:
            return false
        }
    }

    /// Whether nothing is read for a moment.
    package var isResting: Bool {
        if case .resting = state { true } else { false }
    }
}
