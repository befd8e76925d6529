/// Counts the agents that run, and decides whether further ones may.
///
/// A slot is reserved before the user's message is logged, and taken when the run is handed over, so that no message is
/// accepted that nobody would answer.
///
///     free ── reserve ──> reserved ── start ──> running ── didEnd ──> free
///                            └── giveBack ──> free
///
/// After `close` no further slot is reserved; it finishes once no slot is reserved any longer.
package struct AgentSlotsStateMachine: Equatable {
    private let maximumRuns: Int
    private var reserved = 0
    /// The number of agents that run.
    package private(set) var running = 0
    private var isClosed = false

    package init(maximumRuns: Int) { self.maximumRuns = maximumRuns }

    package enum ReserveAction: Equatable {
        case accept
        case rejectBusy
        case rejectClosed
    }

    package enum HandOverAction: Equatable {
        case none
        /// No further run comes.
        case finish
    }

    package mutating func reserve() -> ReserveAction {
        guard !isClosed else { return .rejectClosed }
        guard reserved + running < maximumRuns else { return .rejectBusy }
        reserved += 1
        return .accept
    }

    /// A reserved slot's run is handed over.
    package mutating func start() -> HandOverAction {
        precondition(reserved > 0, "a run has a reserved slot")
        reserved -= 1
        running += 1
        return finishIfLast()
    }

    /// A reserved slot is not needed.
    package mutating func giveBack() -> HandOverAction {
        precondition(reserved > 0, "a slot is reserved before it is given back")
        reserved -= 1
        return finishIfLast()
    }

    package mutating func didEnd() {
        precondition(running > 0, "a run starts before it ends")
        running -= 1
    }

    /// No further slot is reserved; those that are may still start.
    package mutating func close() -> HandOverAction {
        guard !isClosed else { return .none }
        isClosed = true
        return finishIfLast()
    }

    private func finishIfLast() -> HandOverAction { isClosed && reserved == 0 ? .finish : .none }
}
