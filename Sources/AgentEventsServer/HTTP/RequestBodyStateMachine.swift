/// Decides what a connection does about the bodies of its requests: when a client that sent `Expect: 100-continue` gets
/// its `100`, and what happens to a body whose request is answered before the body has come.
///
/// ```
/// receiving ──answer begins, the body is short──> receiving (the route reads and drops the rest)
///     │
///     └──answer begins, the body is long──> closing ──answer ends──> draining ──body ends, or a deadline──> closed
///                                              └──body ends, answer ends──> closed
/// ```
///
/// A connection whose client still sends is not closed at once: the kernel would answer the client's next bytes with a
/// reset, and that takes away the answer that it has not read yet.
package struct RequestBodyStateMachine: Equatable {
    /// A body that is still to come with at most this many bytes is waited for, and the connection lives.
    package static let shortByteCount = 256 * 1024

    private struct Body: Equatable {
        /// The client waits for 100, and has sent nothing of the body.
        var awaitsContinue: Bool
        /// The number of bytes still to come; `nil` when the request does not say.
        var remaining: Int?
    }

    private enum Closing: Equatable {
        case no
        /// The answer under way is the last one, and says so.
        case afterAnswer
        case draining
        case closed
    }

    /// The number of requests that have begun.
    private var requestCount = 0
    /// The number of those that are answered.
    private var answeredCount = 0
    /// The body of the last request; `nil` when it is whole.
    private var body: Body?
    private var closing = Closing.no

    package init() {}

    package enum InboundAction: Equatable {
        case pass
        /// Nobody is to see it.
        case drop
        case close
    }

    package enum BodyWantedAction: Equatable {
        case none
        /// Write `100 Continue`.
        case sendContinue
    }

    package enum AnswerBeginAction: Equatable {
        case pass
        /// The answer says `Connection: close`.
        case announceClose
    }

    package enum AnswerEndAction: Equatable {
        case none
        /// Read what still comes, and set the deadlines.
        case drain
        case close
    }

    /// - Parameters:
    ///   - expectsContinue: whether the client waits for 100 before it sends the body.
    ///   - byteCount: the announced size of the body; `nil` when it is not known.
    package mutating func receivedHead(expectsContinue: Bool, byteCount: Int?) -> InboundAction {
        guard closing == .no || closing == .afterAnswer else { return .drop }
        requestCount += 1
        body = Body(awaitsContinue: expectsContinue, remaining: byteCount)
        return .pass
    }

    package mutating func receivedBody(byteCount: Int) -> InboundAction {
        guard closing == .no || closing == .afterAnswer else { return .drop }
        body?.awaitsContinue = false
        if let remaining = body?.remaining { body?.remaining = max(0, remaining - byteCount) }
        return .pass
    }

    package mutating func receivedEnd() -> InboundAction {
        switch closing {
        case .no, .afterAnswer:
            body = nil
            return .pass
        case .draining:
            closing = .closed
            return .close
        case .closed:
            return .drop
        }
    }

    /// The body of the request that is being answered is being read.
    package mutating func bodyWanted() -> BodyWantedAction {
        guard closing == .no, isReceivingAnswered, body?.awaitsContinue == true else { return .none }
        body?.awaitsContinue = false
        return .sendContinue
    }

    package mutating func answerBegins() -> AnswerBeginAction {
        guard closing == .no, isReceivingAnswered, let body else { return .pass }
        if !body.awaitsContinue, let remaining = body.remaining, remaining <= Self.shortByteCount { return .pass }
        closing = .afterAnswer
        return .announceClose
    }

    package mutating func answerEnds() -> AnswerEndAction {
        answeredCount += 1
        guard closing == .afterAnswer else { return .none }
        closing = body == nil ? .closed : .draining
        return body == nil ? .close : .drain
    }

    /// Whether input is read and dropped.
    package var isDraining: Bool { closing == .draining }

    /// The client has had its time.
    ///
    /// - Returns: whether to close the connection.
    package mutating func drainEnds() -> Bool {
        guard closing == .draining else { return false }
        closing = .closed
        return true
    }

    /// Whether the request that is answered next, or now, is the one whose body is still coming.
    private var isReceivingAnswered: Bool { body != nil && requestCount == answeredCount + 1 }
}
