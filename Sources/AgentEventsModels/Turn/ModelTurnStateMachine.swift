public import AgentEvents

/// One answer of a model, and the further tries when it does not come or breaks off.
///
/// ```
///                    a part                    the end
///   asking ────────────────────> answering ──────────────> ended
///    ^  │ failed                     │ failed                ^
///    │  └─────────> waiting <────────┘ (what was said        │ no further try
///    │  its time       │                is interrupted)      │
///    └─────────────────┴─────────────────────────────────────┘
/// ```
///
/// Calls are given out when the answer is whole: no try comes after one was carried out.
struct ModelTurnStateMachine: Hashable, Sendable {
    private enum State: Hashable {
        case asking
        case answering(hasMessage: Bool)
        case ended
    }

    enum PartAction: Hashable {
        case say(String)
        case think(String)
        /// Nothing is to be seen of it yet.
        case keep
    }

    enum EndAction: Hashable {
        /// - Parameters:
        ///   - hasMessage: whether something was said, whose message ends.
        ///   - usage: to be reported.
        case complete(ModelTurn, hasMessage: Bool)
    }

    enum FailAction: Hashable {
        /// - Parameters:
        ///   - interrupts: whether the open message is one that breaks off.
        ///   - usage: to be reported; `nil` when nothing of the answer came.
        case retry(after: Duration, interrupts: Bool, usage: UsageReported?)
        /// The error is thrown. A message that is open stays so, with what was said.
        case fail(usage: UsageReported?)
    }

    private let model: String
    private let retries: ModelRetryPolicy
    private let inputEstimate: Int64
    private var state = State.asking
    private var failures = 0
    private var text = ""
    private var calls: [ModelCall] = []
    private var usage: UsageReported?
    private var byteCount = 0

    /// - Parameter inputEstimate: the tokens of the request.
    init(model: String, retries: ModelRetryPolicy, inputEstimate: Int64) {
        self.model = model
        self.retries = retries
        self.inputEstimate = inputEstimate
    }

    /// The tokens of this try so far: as the provider told, or estimated.
    var report: UsageReported {
        if var usage {
            usage.model = usage.model ?? model
            return usage
        }
        return UsageReported(
            model: model, inputTokens: inputEstimate, outputTokens: TokenEstimate.count(ofBytes: byteCount),
            isEstimated: true)
    }

    mutating func receive(_ part: ModelPart) -> PartAction {
        byteCount += TokenEstimate.bytes(of: part)
        let hasMessage: Bool
        switch state {
        case .asking: hasMessage = false
        case .answering(let has): hasMessage = has
        case .ended: preconditionFailure("an answer that has ended has no further part")
        }
        state = .answering(hasMessage: hasMessage)
        switch part {
        case .text(let fragment):
            guard !fragment.isEmpty else { return .keep }
            state = .answering(hasMessage: true)
            text += fragment
            return .say(fragment)
        case .thought(let fragment):
            return fragment.isEmpty ? .keep : .think(fragment)
        case .call(let call):
            calls.append(call)
            return .keep
        case .usage(let report):
            usage = report
            return .keep
        }
    }

    /// The model has ended its answer.
    mutating func end() -> EndAction {
        let hasMessage = state == .answering(hasMessage: true)
        state = .ended
        return .complete(ModelTurn(text: text, calls: calls, usage: report), hasMessage: hasMessage)
    }

    /// The answer did not come, or broke off.
    ///
    /// - Parameters:
    ///   - isRetryable: whether another try may help.
    ///   - retryAfter: the time that the provider asks to wait.
    ///   - fraction: random, from 0 up to 1.
    mutating func fail(isRetryable: Bool, retryAfter: Duration?, fraction: Double) -> FailAction {
        failures += 1
        let seen = state == .asking ? nil : report
        let delay = isRetryable ? retries.delay(after: failures, retryAfter: retryAfter, fraction: fraction) : nil
        guard let delay else {
            state = .ended
            return .fail(usage: seen)
        }
        let interrupts = state == .answering(hasMessage: true)
        state = .asking
        (text, calls, usage, byteCount) = ("", [], nil, 0)
        return .retry(after: delay, interrupts: interrupts, usage: seen)
    }
}

/// One whole answer of a model.
public struct ModelTurn: Hashable, Sendable {
    /// The text that it has said; empty when it only calls tools.
    public var text: String
    /// The calls that it asks for, in their order. None of them was carried out.
    public var calls: [ModelCall]
    /// The tokens of this answer, without those of tries that broke off.
    public var usage: UsageReported
}
