/// Decides how a WebSocket is closed: RFC 6455, section 7.
///
///     open -> closing -> closed      (closing may be skipped)
///
/// One that closes has sent its close frame and waits, for a while, for the peer's.
package struct CloseHandshakeStateMachine: Equatable {
    private enum State: Equatable {
        case open
        /// A close frame was sent; nothing further is written.
        case closing
        case closed
    }

    private var state = State.open

    package init() {}

    /// Whether frames may be written.
    package var isOpen: Bool {
        switch state {
        case .open: true
        case .closing, .closed: false
        }
    }

    /// Whether nothing is waited for but the peer's close.
    package var isClosing: Bool {
        switch state {
        case .closing: true
        case .open, .closed: false
        }
    }

    package enum CloseAction: Equatable {
        case none
        /// Send a close frame, and set the deadline for the peer's.
        case sendClose
    }

    /// This side closes.
    package mutating func close() -> CloseAction {
        switch state {
        case .open:
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
        case .open:
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
    package mutating func deadlinePassed() -> DeadlineAction {
        switch state {
        case .closing:
            state = .closed
            return .abort
        case .open, .closed:
            return .none
        }
    }

    /// The connection is gone; later inputs do nothing.
    package mutating func lost() { state = .closed }
}
