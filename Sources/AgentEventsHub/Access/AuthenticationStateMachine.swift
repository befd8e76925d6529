package import AgentEventsProtocol

/// Decides about a connection that has yet to show its token: the first message does, or the connection ends.
///
///     waiting ── a message auth ──> checking ── accepted ──> ended (a session begins)
///        │                             ├── refused ──────────> ended (closed)
///        └── anything else, or late ───┴── anything, or late ─> ended (closed)
///
/// Nothing but the token is taken in before, so that nothing of an unknown client reaches a thread or the runtime.
package struct AuthenticationStateMachine: Equatable {
    private enum State: Equatable {
        case waiting
        /// The token is with the authenticator.
        case checking(RequestTag?)
        case ended
    }

    private var state = State.waiting

    package init() {}

    /// The end of a connection that is not let in.
    package struct Refusal: Equatable {
        /// The answer, and the reason of the close by its code.
        package var error: ProtocolError
        package var closeCode: StreamCloseCode
    }

    package enum MessageAction: Equatable {
        case none
        case check(token: String)
        case refuse(Refusal)
    }

    /// The client has sent a message: a request to be authenticated, or another one.
    package mutating func receive(_ message: Result<AuthenticationRequest, ProtocolError>) -> MessageAction {
        switch (state, message) {
        case (.ended, _):
            return .none
        case (.waiting, .success(let request)):
            state = .checking(request.tag)
            return .check(token: request.token)
        case (.waiting, .failure(let error)):
            state = .ended
            return .refuse(Refusal(error: error, closeCode: .notAuthenticated))
        case (.checking, _):
            return .refuse(end("nothing is taken before the welcome: wait for it, then go on"))
        }
    }

    /// Something other than a text message has come: a ping, a binary message, too many bytes.
    package mutating func receiveOther() -> Refusal? {
        guard state != .ended else { return nil }
        return end(
            "the first message of this connection is {\"op\":\"auth\",\"token\":\"…\"}, as one text message, and nothing else "
                + "comes before the welcome")
    }

    /// The client had its time.
    package mutating func deadlinePassed() -> Refusal? {
        switch state {
        case .ended:
            return nil
        case .waiting:
            return end("there was no token in time: send {\"op\":\"auth\",\"token\":\"…\"} as the first message")
        case .checking(let tag):
            state = .ended
            return Self.refusal(
                ProtocolError(AuthenticationError(.unavailable, "the token could not be checked in time; try again")),
                tag)
        }
    }

    package enum AnswerAction: Equatable {
        case none
        /// Begin a session for the principal.
        case admit
        case refuse(Refusal)
    }

    /// The authenticator has answered.
    ///
    /// - Parameter error: why the token does not count; `nil` when it does.
    package mutating func checked(_ error: ProtocolError?) -> AnswerAction {
        guard case .checking(let tag) = state else { return .none }
        state = .ended
        return error.map { .refuse(Self.refusal($0, tag)) } ?? .admit
    }

    /// The connection is gone, or the service stops.
    ///
    /// - Returns: whether it was still waiting.
    package mutating func end() -> Bool {
        defer { state = .ended }
        return state != .ended
    }

    private mutating func end(_ message: String) -> Refusal {
        state = .ended
        return Refusal(
            error: ProtocolError(.authenticationMissing, message), closeCode: .notAuthenticated)
    }

    /// A token that could not be checked may count later: its client comes back, and one that is refused does not.
    private static func refusal(_ error: ProtocolError, _ tag: RequestTag?) -> Refusal {
        var answer = error
        answer.tag = tag
        let closeCode: StreamCloseCode =
            switch error.code {
            case .authorizationUnavailable: .internalError
            case .tooManyAuthenticationFailures: .limits
            default: .notAuthenticated
            }
        return Refusal(error: answer, closeCode: closeCode)
    }
}
