/// One element at a time from one giver to one taker; each waits for the other.
///
/// Cancelling either side ends the handover for both.
struct HandoverStateMachine<Element, Giver, Taker>: ~Copyable {
    private enum State: ~Copyable {
        case idle
        /// The giver waits.
        case offered(Element, Giver)
        /// The taker waits.
        case awaited(Taker)
        /// Nothing is handed over any more; the error is for the taker, once.
        case finished((any Error)?)
    }

    private var state: State

    init() { state = .idle }

    private init(_ state: consuming State) { self.state = state }

    enum OfferAction {
        /// Keep the giver waiting.
        case suspend
        /// The taker gets the element; the giver goes on.
        case give(Taker, Element)
        /// Nobody will take it; the giver fails with a cancellation.
        case refuse
    }

    mutating func offer(_ element: Element, _ giver: Giver) -> OfferAction {
        switch consume state {
        case .idle:
            self = Self(.offered(element, giver))
            return .suspend
        case .awaited(let taker):
            self = Self(.idle)
            return .give(taker, element)
        case .finished(let error):
            self = Self(.finished(error))
            return .refuse
        case .offered:
            preconditionFailure("there is one giver")
        }
    }

    enum TakeAction {
        /// Keep the taker waiting.
        case suspend
        /// The taker gets the element, and the giver goes on.
        case take(Element, Giver)
        /// The taker fails with the error, or with a cancellation when there is none.
        case end((any Error)?)
    }

    mutating func take(_ taker: Taker) -> TakeAction {
        switch consume state {
        case .idle:
            self = Self(.awaited(taker))
            return .suspend
        case .offered(let element, let giver):
            self = Self(.idle)
            return .take(element, giver)
        case .finished(let error):
            self = Self(.finished(nil))
            return .end(error)
        case .awaited:
            preconditionFailure("there is one taker")
        }
    }

    enum FinishAction {
        case none
        /// The giver that waits fails with a cancellation.
        case release(Giver)
        /// The taker that waits fails with the error, or with a cancellation when there is none.
        case end(Taker, (any Error)?)
    }

    /// - Parameter error: why; `nil` for a cancellation.
    mutating func finish(_ error: (any Error)?) -> FinishAction {
        switch consume state {
        case .idle:
            self = Self(.finished(error))
            return .none
        case .offered(_, let giver):
            self = Self(.finished(error))
            return .release(giver)
        case .awaited(let taker):
            self = Self(.finished(nil))
            return .end(taker, error)
        case .finished(let first):
            self = Self(.finished(first))
            return .none
        }
    }
}
