/// Decides how a session of Engine.IO, version 4, is carried: by polls, by a WebSocket, or by polls while a WebSocket is tried.
///
///     polling ── a WebSocket comes ──> trying ── 2probe ──> probed ── 5 ──> webSocket
///       ^ └── end ──> closing           │                     │               └── end ──> closed
///       └──── the WebSocket is gone ────┴─────────────────────┘
///     closing ── polls have taken the rest and one is told of the end, or none comes ──> closed
///
/// While it is probed nothing but noops goes to polls: the client drops the poll that it has when it moves.
package struct EngineStateMachine: Equatable {
    private enum State: Equatable {
        case polling
        /// A WebSocket is open, and has said nothing.
        case trying
        case probed
        case webSocket
        /// This side has ended it; a poll is told so.
        case closing
        case closed
    }

    private var state: State
    /// Whether a poll waits for an answer.
    private var hasPoll = false
    private var hasPost = false
    /// Whether the answer to a POST is on its way.
    private var answersPost = false
    private var awaitsPong = false

    package init(isWebSocket: Bool) { state = isWebSocket ? .webSocket : .polling }

    package var isClosed: Bool { state == .closed || state == .closing }
    package var isWebSocket: Bool { state == .webSocket }

    package enum PollAction: Equatable {
        /// The packets that wait are the answer.
        case answer
        case wait
        /// It is told of the end.
        case end
        /// It is refused, and the session stays.
        case refuse
        /// It is refused, the poll before is told of the end, and the session ends.
        case refuseAndEnd
    }

    package mutating func beganPoll(hasPackets: Bool) -> PollAction {
        switch state {
        case .webSocket, .closed:
            return .refuse
        case .closing:
            if hasPackets { return .answer }
            state = .closed
            return .end
        case .polling, .trying, .probed:
            guard !hasPoll else {
                hasPoll = false
                state = .closed
                return .refuseAndEnd
            }
            if hasPackets, state != .probed, !answersPost { return .answer }
            hasPoll = true
            return .wait
        }
    }

    /// The client of a poll is gone.
    ///
    /// - Returns: whether the session ends.
    package mutating func lostPoll() -> Bool {
        guard hasPoll else { return false }
        hasPoll = false
        switch state {
        case .polling, .trying, .probed, .closing:
            state = .closed
            return true
        case .webSocket, .closed:
            return false
        }
    }

    /// Packets wait.
    ///
    /// - Returns: whether they are the answer of the poll.
    package mutating func wrote() -> Bool {
        switch state {
        case .polling, .trying:
            guard !answersPost else { return false }
            defer { hasPoll = false }
            return hasPoll
        case .probed, .webSocket, .closing, .closed:
            return false
        }
    }

    package enum PostAction: Equatable {
        case take
        case refuse
        case refuseAndEnd
    }

    package mutating func beganPost() -> PostAction {
        switch state {
        case .webSocket, .closing, .closed:
            return .refuse
        case .polling, .trying, .probed:
            guard !hasPost else {
                state = .closed
                return .refuseAndEnd
            }
            hasPost = true
            return .take
        }
    }

    package mutating func endedPost() { hasPost = false }

    /// A POST is about to be answered. What it brings about goes to no poll before: the answer to a poll goes over another connection and
    /// might arrive first.
    package mutating func beganAnswer() { answersPost = true }

    /// The answer to a POST is written, or cannot be.
    ///
    /// - Returns: whether packets that wait are the answer of the poll.
    package mutating func endedAnswer(hasPackets: Bool) -> Bool {
        answersPost = false
        return hasPackets && wrote()
    }

    /// A WebSocket with the id of the session comes.
    ///
    /// - Returns: whether it is tried.
    package mutating func webSocketCame() -> Bool {
        switch state {
        case .polling:
            state = .trying
            return true
        case .trying, .probed, .webSocket, .closing, .closed:
            return false
        }
    }

    package enum ReceiveAction: Equatable {
        case none
        case message
        /// The answer to a ping.
        case heard
        /// The client leaves; a poll that waits is answered by a noop.
        case leave(answersPoll: Bool)
        case violation
    }

    /// A packet came by a POST, or by the WebSocket once it carries the session.
    package mutating func received(_ packet: EnginePacket) -> ReceiveAction {
        switch state {
        case .closed, .closing: return .none
        case .polling, .trying, .probed, .webSocket: break
        }
        switch packet {
        case .message, .binary:
            return .message
        case .pong:
            awaitsPong = false
            return .heard
        case .close:
            defer { hasPoll = false }
            state = .closed
            return .leave(answersPoll: hasPoll)
        case .ping, .open, .upgrade:
            return .violation
        case .noop:
            return .none
        }
    }

    package enum ProbeAction: Equatable {
        case none
        /// `3probe` is the answer, and the noops begin.
        case answer
        /// The WebSocket carries the session. A poll that waits is answered by a noop.
        case upgrade(answersPoll: Bool)
        /// The WebSocket goes, and is lost; the session stays.
        case drop
    }

    /// A packet came by the WebSocket that is tried.
    package mutating func probed(_ packet: EnginePacket) -> ProbeAction {
        switch (state, packet) {
        case (.trying, .ping("probe")):
            state = .probed
            return .answer
        case (.probed, .upgrade):
            state = .webSocket
            defer { hasPoll = false }
            return .upgrade(answersPoll: hasPoll)
        case (.trying, _), (.probed, _):
            return .drop
        case (.polling, _), (.webSocket, _), (.closing, _), (.closed, _):
            return .none
        }
    }

    /// It is time for a noop.
    ///
    /// - Returns: whether a poll gets it; `nil` when there are no further ones.
    package mutating func noopDue() -> Bool? {
        switch state {
        case .probed:
            defer { hasPoll = false }
            return hasPoll
        case .polling, .trying, .webSocket, .closing, .closed:
            return nil
        }
    }

    package enum LossAction: Equatable {
        case none
        /// Polls carry the session as before; a poll that waits gets what has gathered.
        case poll(answers: Bool)
        case end
    }

    /// The WebSocket is gone, or has not moved in time.
    package mutating func lostWebSocket(hasPackets: Bool) -> LossAction {
        switch state {
        case .trying, .probed:
            state = .polling
            guard hasPoll, hasPackets else { return .poll(answers: false) }
            hasPoll = false
            return .poll(answers: true)
        case .webSocket:
            state = .closed
            return .end
        case .polling, .closing, .closed:
            return .none
        }
    }

    /// Whether the upgrade that was begun is still under way.
    package var isUpgrading: Bool { state == .trying || state == .probed }

    /// - Returns: whether a ping is sent.
    package mutating func pingDue() -> Bool {
        guard !isClosed, !awaitsPong else { return false }
        awaitsPong = true
        return true
    }

    /// The time for the answer to a ping is over.
    ///
    /// - Returns: whether the session ends.
    package func isPongMissing() -> Bool { awaitsPong && !isClosed }

    package enum EndAction: Equatable {
        case none
        /// The poll that waits is told.
        case answerPoll
        /// The polls that come get the rest, and are told, if they come in time.
        case linger
        case closeWebSocket
    }

    /// This side ends the session.
    package mutating func end() -> EndAction {
        switch state {
        case .polling, .trying, .probed:
            defer { hasPoll = false }
            state = hasPoll ? .closed : .closing
            return hasPoll ? .answerPoll : .linger
        case .webSocket:
            state = .closed
            return .closeWebSocket
        case .closing, .closed:
            return .none
        }
    }

    /// Nothing further is waited for.
    package mutating func forget() { state = .closed }
}
