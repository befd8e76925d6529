/// Decides whether a subscription may be given events of its thread, by what is known of the rights of its user.
///
///     unknown ──> asking ──> granted ──> asking …      when the answer has expired, or rights have changed
///                    │ └───> denied ───> asking …
///                    └ no answer: failed ──> asking …  with the next try
///
/// Before the thread has an event nothing is known, and there is nothing to give. Nothing is given during a question.
package struct ClearanceStateMachine: Equatable {
    private enum State: Equatable {
        case unknown
        /// `wasGranted`: the subscription was given events before.
        case asking(wasGranted: Bool)
        /// Until a time of the monotonic clock; `nil` for ever.
        case granted(until: Duration?)
        case denied(until: Duration?)
        case failed(wasGranted: Bool)
    }

    private var state = State.unknown
    /// Whether events may be given whatever happens: the usual case, which is looked at for each commit.
    package private(set) var isGrantedForGood = false

    package init() {}

    /// Whether the last answer allowed it, though it may count no longer.
    package var isGranted: Bool { if case .granted = state { true } else { false } }

    /// Whether the last answer did not allow it.
    package var isDenied: Bool { if case .denied = state { true } else { false } }

    /// Whether others may know of the subscription: it is allowed to read, or was and is about to be asked again.
    package var isKnown: Bool {
        switch state {
        case .granted, .asking(wasGranted: true), .failed(wasGranted: true): true
        case .unknown, .denied, .asking(wasGranted: false), .failed(wasGranted: false): false
        }
    }

    package enum Verdict: Equatable {
        case give
        case wait
        /// Ask; ``answered(allowsReading:until:)`` or ``failed()`` follows.
        case ask
    }

    /// The subscription has events to give.
    package mutating func check(at now: Duration) -> Verdict {
        switch state {
        case .granted(let until):
            guard let until, until <= now else { return .give }
            ask(wasGranted: true)
            return .ask
        case .denied(let until):
            guard let until, until <= now else { return .wait }
            ask(wasGranted: false)
            return .ask
        case .unknown:
            ask(wasGranted: false)
            return .ask
        case .asking, .failed:
            return .wait
        }
    }

    /// Whether something that was given before is to wait for an answer.
    package func isInDoubt(at now: Duration) -> Bool {
        switch state {
        case .granted(let until): until.map { $0 <= now } ?? false
        case .asking(let wasGranted), .failed(let wasGranted): wasGranted
        case .unknown, .denied: false
        }
    }

    private mutating func ask(wasGranted: Bool) {
        state = .asking(wasGranted: wasGranted)
        isGrantedForGood = false
    }

    /// The authorizer has answered, whether it was asked for this subscription or another.
    ///
    /// - Parameter until: until when the answer counts; `nil` for ever.
    package mutating func answered(allowsReading: Bool, until: Duration?) {
        state = allowsReading ? .granted(until: until) : .denied(until: until)
        isGrantedForGood = allowsReading && until == nil
    }

    /// The thread has no event: there is nothing to be allowed.
    package mutating func foundNothing() {
        if case .asking = state { state = .unknown }
    }

    /// There was no answer.
    package mutating func failed() {
        if case .asking(let wasGranted) = state { state = .failed(wasGranted: wasGranted) }
    }

    /// The credentials were replaced: nothing is known of what those of now allow. An answer that is on its way is passed over by
    /// the caller.
    package mutating func forget() {
        switch state {
        case .unknown: break
        case .granted, .asking(wasGranted: true), .failed(wasGranted: true): state = .failed(wasGranted: true)
        case .denied, .asking(wasGranted: false), .failed(wasGranted: false): state = .failed(wasGranted: false)
        }
        isGrantedForGood = false
    }

    /// It is tried again after a failure, or because rights have changed.
    ///
    /// - Returns: whether to ask; not when an answer is on its way, and not when it can be no other.
    package mutating func askAgain() -> Bool {
        switch state {
        case .unknown, .denied(until: .some), .failed(wasGranted: false):
            ask(wasGranted: false)
            return true
        case .granted(until: .some), .failed(wasGranted: true):
            ask(wasGranted: true)
            return true
        case .granted(until: nil), .denied(until: nil), .asking:
            return false
        }
    }
}
