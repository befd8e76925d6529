import AgentEvents

/// The steps of an agent around a language model; how one answer is tried again is the business of ``ModelTurnStateMachine``.
///
/// ```
///          begin                inputTaken                 turnEnded: calls
/// idle ──────────> looking ────────────────> asking ──────────────────────────> calling ──┐
///                   ^    (input, if there is)  │ turnEnded: no calls                      │ each has ended
///                   │                          v                                          │
///                   │                      concluding ── inputTaken: none ──> ended       │
///                   │                          │ inputTaken: some ──> asking              │
///                   └─────────────────────────────────────────────────────────────────────┘
/// ```
///
/// Before the model is asked the limits are looked at.
struct AgentLoopStateMachine: Hashable, Sendable {
    private enum State: Hashable {
        case idle
        case looking
        case asking
        case calling(left: Int)
        case concluding
        case ended
    }

    enum Action: Hashable {
        /// Take what users have written to the run meanwhile.
        case takeInput
        /// Ask the model.
        case request
        /// Carry out the calls of its answer.
        case execute
        /// Wait for the other calls.
        case wait
        /// The run is done.
        case finish
        case fail(AgentLimitError)
    }

    private let limits: AgentLimits
    private var state = State.idle
    private var steps: Int
    private var tokens: Int64

    /// - Parameters:
    ///   - steps: the answers of the run so far, in earlier processes.
    ///   - tokens: those that it has reported so far.
    init(limits: AgentLimits, steps: Int = 0, tokens: Int64 = 0) {
        self.limits = limits
        self.steps = steps
        self.tokens = tokens
    }

    mutating func begin() -> Action {
        guard state == .idle else { preconditionFailure("an agent's loop begins once") }
        state = .looking
        return .takeInput
    }

    /// Users' messages were taken, or there were none.
    mutating func inputTaken(_ count: Int) -> Action {
        switch state {
        case .looking:
            return request()
        case .concluding:
            guard count > 0 else {
                state = .ended
                return .finish
            }
            return request()
        case .idle, .asking, .calling, .ended:
            preconditionFailure("input is taken between the steps")
        }
    }

    /// The model has answered.
    ///
    /// - Parameters:
    ///   - calls: the number of the calls that it asks for.
    ///   - tokens: what it took, read and written, with tries that broke off.
    mutating func turnEnded(calls: Int, tokens: Int64) -> Action {
        guard state == .asking else { preconditionFailure("an answer follows a request") }
        steps += 1
        self.tokens += min(tokens, .max - self.tokens)
        state = calls > 0 ? .calling(left: calls) : .concluding
        return calls > 0 ? .execute : .takeInput
    }

    /// A call has its result.
    mutating func callEnded() -> Action {
        guard case .calling(let left) = state else { preconditionFailure("a call ends after it was made") }
        guard left == 1 else {
            state = .calling(left: left - 1)
            return .wait
        }
        state = .looking
        return .takeInput
    }

    private mutating func request() -> Action {
        guard let limit = reachedLimit else {
            state = .asking
            return .request
        }
        state = .ended
        return .fail(AgentLimitError(limit))
    }

    private var reachedLimit: AgentLimitError.Limit? {
        if steps >= max(1, limits.steps) { return .steps(limits.steps) }
        guard let budget = limits.tokens, tokens >= budget else { return nil }
        return .tokens(budget)
    }
}
