/// Decides about the life of a connection, from its first message to its last.
///
///     opening -> open -> draining -> leaving -> closed      (any may be skipped)
///
/// A connection that drains still delivers and answers, and takes no new subscriptions. One that leaves has requests
/// under way, and closes when they are answered. What follows on the wire, until both sides have closed, is the transport's.
package struct ConnectionStateMachine: Equatable {
    private enum State: Equatable {
        /// Not welcomed yet.
        case opening
        case open
        /// The client was told that the service is about to stop.
        case draining
        /// Closes as soon as what the client asked for is answered.
        case leaving
        /// Nothing further is written.
        case closed
    }

    private var state = State.opening

    package init() {}

    /// Whether events and answers may be written.
    package var mayWrite: Bool {
        switch state {
        case .opening, .open, .draining, .leaving: true
        case .closed: false
        }
    }

    /// Whether the client may subscribe to further threads.
    package var takesSubscriptions: Bool {
        switch state {
        case .opening, .open: true
        case .draining, .leaving, .closed: false
        }
    }

    /// Whether the client may emit further events. Not once the service stops, or a client that continues to emit would
    /// keep its connection open.
    package var takesEmissions: Bool {
        switch state {
        case .opening, .open, .draining: true
        case .leaving, .closed: false
        }
    }

    /// The client was welcomed.
    package mutating func welcomed() {
        if case .opening = state { state = .open }
    }

    package enum DrainAction: Equatable {
        case none
        /// Tell the client that the service is about to stop.
        case announce
    }

    /// The service is about to stop.
    package mutating func drain() -> DrainAction {
        switch state {
        case .opening, .open:
            state = .draining
            return .announce
        case .draining, .leaving, .closed:
            return .none
        }
    }

    package enum CloseAction: Equatable {
        case none
        /// Close the transport, with a code and a reason.
        case close
    }

    /// The service stops.
    ///
    /// - Parameter isIdle: nothing that the client asked for is still to be answered.
    package mutating func leave(isIdle: Bool) -> CloseAction {
        switch state {
        case .opening, .open, .draining, .leaving:
            state = isIdle ? .closed : .leaving
            return isIdle ? .close : .none
        case .closed:
            return .none
        }
    }

    /// All that the client asked for is answered.
    package mutating func becameIdle() -> CloseAction {
        switch state {
        case .leaving:
            state = .closed
            return .close
        case .opening, .open, .draining, .closed:
            return .none
        }
    }

    /// This side gives the connection up: a rule was broken, a deadline has passed, or something failed.
    package mutating func close() -> CloseAction {
        switch state {
        case .opening, .open, .draining, .leaving:
            state = .closed
            return .close
        case .closed:
            return .none
        }
    }

    /// The connection is gone, or its client has closed it; later inputs do nothing.
    package mutating func lost() { state = .closed }
}
