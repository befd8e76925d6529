/// Decides what becomes of the requests of a connection, one of which may ask for a stream of events.
///
///     passing ── a stream is asked for ──> opening ──> streaming ──> ended
///        └── answers are under way ──> waiting ──^ └──── refused ────^
///
/// A stream is the last answer of its connection: what the client sends after the request is dropped, as it would be after
/// `Connection: close`.
package struct EventStreamStateMachine: Equatable {
    private enum State: Equatable {
        /// Requests go to the handlers of HTTP.
        case passing
        /// A stream was asked for while requests before are being answered.
        case waiting
        /// It is looked up who asks, and for what.
        case opening
        case streaming
        /// The last answer is written, or the client is gone.
        case ended
    }

    private var state = State.passing
    /// The requests that the handlers of HTTP have, and have not answered.
    private var unansweredCount = 0
    private var droppedCount = 0
    /// The number of parts of requests that a client may send after the one for a stream.
    package static let maximumDroppedCount = 100

    package init() {}

    package enum InboundAction: Equatable {
        /// Another handler's.
        case pass
        /// The stream is opened now.
        case open
        /// It is opened when ``answered()`` says so.
        case wait
        case drop
        /// The client does not stop: the connection is closed.
        case close
    }

    /// Whether what comes goes to the handlers of HTTP, as what they write goes to the client.
    package var isPassing: Bool { state == .passing }

    package var isStreaming: Bool { state == .streaming }

    /// The head of a request has come.
    package mutating func receivedHead(asksForStream: Bool) -> InboundAction {
        guard state == .passing else { return drop() }
        guard asksForStream else {
            unansweredCount += 1
            return .pass
        }
        state = unansweredCount == 0 ? .opening : .waiting
        return state == .opening ? .open : .wait
    }

    /// Another part of a request has come.
    package mutating func receivedRest() -> InboundAction { state == .passing ? .pass : drop() }

    private mutating func drop() -> InboundAction {
        droppedCount += 1
        return droppedCount > Self.maximumDroppedCount ? .close : .drop
    }

    /// The handlers of HTTP have answered a request.
    ///
    /// - Returns: whether the stream is opened now.
    package mutating func answered() -> Bool {
        unansweredCount -= 1
        guard state == .waiting, unansweredCount == 0 else { return false }
        state = .opening
        return true
    }

    /// It is known who asks, and that it may be.
    ///
    /// - Returns: whether the client is still there.
    package mutating func opened() -> Bool {
        guard state == .opening else { return false }
        state = .streaming
        return true
    }

    /// The connection has its last answer, or is gone.
    ///
    /// - Returns: whether that is new.
    package mutating func ended() -> Bool {
        defer { state = .ended }
        return state != .ended
    }
}
