/// Decides when somebody who watches a list of threads is given what it is now.
///
///     looking ── found ──> resting ── changed ──> due ──(the last look is long enough ago, and the client takes it)──> looking
///        │ changed                                 ^
///        └──> looking, and due after that ─────────┘
///
/// However often threads change, there is one look at a time, and one in each ``interval``; while the client takes nothing there
/// is none. What was not given in between is never made: the next look finds the newest of each thread.
struct ListFeedStateMachine {
    /// The time between two looks at least, in milliseconds.
    static let interval: Int64 = 250

    enum Action: Equatable {
        case none
        /// Look at the list.
        case look
        /// Come back by ``timePassed(at:isWritable:)`` after so many milliseconds.
        case wait(Int64)
        /// Ask to be told of changes, and call ``changed(at:isWritable:)`` when there are some already.
        case arm
    }

    private enum State: Equatable {
        /// - Parameter isDue: whether something has changed since.
        case looking(isDue: Bool)
        case resting
        /// - Parameter isWaiting: whether a timer runs.
        case due(isWaiting: Bool)
        case ended
    }

    private var state = State.resting
    /// Before this time there is no look.
    private var nextLook: Int64 = .min

    var isEnded: Bool { state == .ended }

    /// The list, or what may be seen of it, may have changed; also to begin.
    mutating func changed(at now: Int64, isWritable: Bool) -> Action {
        switch state {
        case .looking:
            state = .looking(isDue: true)
            return .none
        case .resting:
            state = .due(isWaiting: false)
            return proceed(at: now, isWritable: isWritable)
        case .due, .ended:
            return .none
        }
    }

    /// The client takes something again.
    mutating func becameWritable(at now: Int64) -> Action { proceed(at: now, isWritable: true) }

    mutating func timePassed(at now: Int64, isWritable: Bool) -> Action {
        guard case .due = state else { return .none }
        state = .due(isWaiting: false)
        return proceed(at: now, isWritable: isWritable)
    }

    /// The list was looked at, and what has changed of it was given.
    mutating func found(at now: Int64, isWritable: Bool) -> Action {
        guard case .looking(let isDue) = state else { return .none }
        nextLook = now + Self.interval
        guard isDue else {
            state = .resting
            return .arm
        }
        state = .due(isWaiting: false)
        return proceed(at: now, isWritable: isWritable)
    }

    /// The list could not be looked at now, or what was found may not be given any longer: it is looked at again.
    ///
    /// - Parameter milliseconds: after this time.
    mutating func failed(at now: Int64, retryAfter milliseconds: Int64) -> Action {
        guard case .looking = state else { return .none }
        nextLook = now + milliseconds
        state = .due(isWaiting: false)
        return proceed(at: now, isWritable: true)
    }

    mutating func end() { state = .ended }

    private mutating func proceed(at now: Int64, isWritable: Bool) -> Action {
        guard case .due(isWaiting: false) = state else { return .none }
        guard now >= nextLook else {
            state = .due(isWaiting: true)
            return .wait(nextLook - now)
        }
        guard isWritable else { return .none }
        state = .looking(isDue: false)
        return .look
    }
}
