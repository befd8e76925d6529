/// The outcome of a decision on an emission.
enum ContentionDecision: Hashable, CaseIterable {
    /// Events were offered to the log.
    case offered
    /// Nothing to log, by what is known of the thread: its order refuses the emission, or what it ends has
    /// ended.
    case nothing
    /// Nothing to log, and appends of others change nothing about that.
    case final
}

/// The next step of an emission into a ``ContendedLog``.
enum ContentionAction: Hashable {
    /// Wait for the commit, and say how it ended: ``ContentionStateMachine/settled(isTaken:)``.
    case waitForCommit
    /// Read the thread from the log, then decide again: ``ContentionStateMachine/caughtUp()``.
    case catchUp
    /// Answer the emitter.
    case answer
}

/// Decides how an emission into a thread of a ``ContendedLog`` proceeds until it is committed, or refused for a reason
/// that does not lie in another writer.
///
/// ```
///        begin              decided: offered            settled: taken
/// free ─────────> deciding ──────────────────> offered ─────────────────> answered, free
///                  ^  │ │                           │ settled: somebody else appended first
///                  │  │ │ decided: nothing, by      v
///                  │  │ └─────────────────────> catching up: the thread is read from the log
///                  │  │   what was known before    │ caught up
///                  └──┼────────────────────────────┘
///                     │ decided: nothing, by what the log has; or final
///                     └──────────────────────────────────────────────────> answered, free
/// ```
///
/// One emission of a thread is on its way at a time; the others wait for their turn, in their order. Everything that
/// would be decided on top of an event that is not committed yet would have to be taken back when that event is
/// refused, and the emitters would have been given ids that other events have. So what an emission answers is true: its
/// events are in the log.
///
/// A turn has no limit of attempts: each one that fails means that another writer has appended. A turn that ends while it
/// catches up, since the log could not be read, leaves events in the thread's state that the log has refused. Nothing may
/// be decided on these, or the next number could fit by chance: the next turn begins with catching up.
struct ContentionStateMachine<Waiter>: ~Copyable {
    private enum State {
        case free
        /// - Parameter isCurrent: whether the thread was read from the log in this turn.
        case deciding(isCurrent: Bool)
        case offered
        case catchingUp
    }

    private var state = State.free
    /// Whether the thread's state has events that the log has refused.
    private var isOutOfDate = false
    private var waiters = Deque<Waiter>()

    init() {}

    /// The number of emissions that wait for their turn.
    var waiterCount: Int { waiters.count }

    /// An emission begins.
    ///
    /// - Returns: whether it is its turn; if not, it waits: ``wait(_:)``.
    mutating func begin() -> Bool {
        guard case .free = state else { return false }
        state = .deciding(isCurrent: false)
        return true
    }

    /// An emission waits for its turn, which begins when the waiter is resumed.
    mutating func wait(_ waiter: Waiter) { waiters.append(waiter) }

    /// A turn is about to decide.
    ///
    /// - Returns: whether it has to catch up first.
    mutating func mustCatchUp() -> Bool {
        guard case .deciding = state else { preconditionFailure("asks in its turn") }
        if isOutOfDate { state = .catchingUp }
        return isOutOfDate
    }

    /// The emission, or what is overdue before it, was decided.
    mutating func decided(_ decision: ContentionDecision) -> ContentionAction {
        guard case .deciding(let isCurrent) = state else { preconditionFailure("decides in its turn") }
        switch decision {
        case .offered:
            state = .offered
            return .waitForCommit
        case .nothing where !isCurrent:
            state = .catchingUp
            return .catchUp
        case .nothing, .final:
            return .answer
        }
    }

    /// The commit with the events that were offered has ended.
    ///
    /// - Parameter isTaken: whether they are in the log; otherwise somebody else has appended first.
    mutating func settled(isTaken: Bool) -> ContentionAction {
        guard case .offered = state else { preconditionFailure("something was offered") }
        isOutOfDate = !isTaken
        state = isTaken ? .deciding(isCurrent: true) : .catchingUp
        return isTaken ? .answer : .catchUp
    }

    /// The thread is known as the log has it.
    mutating func caughtUp() {
        guard case .catchingUp = state else { preconditionFailure("catches up when it is told to") }
        isOutOfDate = false
        state = .deciding(isCurrent: true)
    }

    /// The turn of an emission is over, whichever way it ended.
    ///
    /// - Returns: the next one, whose turn it is now.
    mutating func end() -> Waiter? {
        guard let next = waiters.popFirst() else {
            state = .free
            return nil
        }
        state = .deciding(isCurrent: false)
        return next
    }
}
