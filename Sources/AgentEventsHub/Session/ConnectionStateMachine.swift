/// Decides about the life of a connection, from the upgrade to the last byte.
///
///     opening -> open -> draining -> leaving -> closing -> closed      (any may be skipped)
///
/// A connection that drains still delivers and answers, and takes no new subscriptions. One that leaves has requests
/// under way, and closes when they are answered. One that closes has sent its close frame and waits, for a while, for
/// the peer's.
package struct ConnectionStateMachine: Equatable {
    private enum State: Equatable {
        /// Upgraded, and not welcomed yet.
        case opening
        case open
        /// The client was told that the service is about to stop.
        case draining
        /// Closes as soon as what the client asked for is answered.
        case leaving
        /// A close frame was sent; nothing further is written.
        case closing
        case closed
    }

    private var state = State.opening

    package init() {}

    /// Whether events and answers may be written.
    package var mayWrite: Bool {
        switch state {
        case .opening, .open, .draining, .leaving: true
        case .closing, .closed: false
        }
    }

    /// Whether the client may subscribe to further threads.
    package var takesSubscriptions: Bool {
        switch state {
        case .opening, .open: true
        case .draining, .leaving, .closing, .closed: false
        }
    }

    /// Whether the client may emit further events. Not once the service stops, or a client that goes on emitting would
    /// keep its connection open.
    package var takesEmissions: Bool {
        switch state {
        case .opening, .open, .draining: true
        case .leaving, .closing, .closed: false
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
        case .draining, .leaving, .closing, .closed:
            return .none
        }
    }

    package enum CloseAction: Equatable {
        case none
        /// Send a close frame, and set the deadline for the peer's.
        case sendClose
    }

    /// The service stops.
    ///
    /// - Parameter isIdle: nothing that the client asked for is still to be answered.
    package mutating func leave(isIdle: Bool) -> CloseAction {
        switch state {
        case .opening, .open, .draining, .leaving:
            state = isIdle ? .closing : .leaving
            return isIdle ? .sendClose : .none
        case .closing, .closed:
            return .none
        }
    }

    /// All that the client asked for is answered.
    package mutating func becameIdle() -> CloseAction {
        switch state {
        case .leaving:
            state = .closing
            return .sendClose
        case .opening, .open, .draining, .closing, .closed:
            return .none
        }
    }

    /// This side gives the connection up: a rule was broken, a deadline has passed, or something failed.
    package mutating func close() -> CloseAction {
        switch state {
        case .opening, .open, .draining, .leaving:
            state = .closing
            return .sendClose
        case .closing, .closed:
            return .none
        }
    }

    package enum PeerCloseAction: Equatable {
        case none
        /// Send the peer's code back, and close once that is with the kernel.
        case echo
        /// Both sides have closed: close once everything written is with the kernel.
        case finish
    }

    /// A close frame has come.
    package mutating func peerClosed() -> PeerCloseAction {
        switch state {
        case .opening, .open, .draining, .leaving:
            state = .closing
            return .echo
        case .closing:
            return .finish
        case .closed:
            return .none
        }
    }

    package enum DeadlineAction: Equatable {
        case none
        /// Drop the connection and what it has not taken.
        case abort
    }

    /// The peer had its time to close.
    package mutating func closeDeadlinePassed() -> DeadlineAction {
        switch state {
        case .closing:
            state = .closed
            return .abort
        case .opening, .open, .draining, .leaving, .closed:
            return .none
        }
    }

    /// The connection is gone; later inputs do nothing.
    package mutating func lost() { state = .closed }
}
