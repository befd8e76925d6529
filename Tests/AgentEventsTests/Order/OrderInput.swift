import AgentEvents

/// One event as a state machine receives it, with short ways to write the events of the tests.
struct OrderInput: Sendable {
    var run: RunID?
    var agent: AgentName?
    var payload: EventPayload

    init(_ run: RunID?, agent: AgentName? = nil, _ payload: EventPayload) {
        self.run = run
        self.agent = agent
        self.payload = payload
    }
}

extension EventPayload {
    static func start(parent: RunID? = nil, call: CallID? = nil) -> Self {
        .agentStarted(AgentStarted(parentRunID: parent, parentCallID: call))
    }
    static var queue: Self { .agentQueued(AgentQueued()) }
    static var takeInput: Self { .inputTaken(InputTaken(messageIDs: ["m_u"])) }
    static var usage: Self { .usageReported(UsageReported(inputTokens: 10, outputTokens: 2)) }
    static var think: Self { .agentThinking(AgentThinking(thoughtID: "t_1", text: "hm")) }
    static var progress: Self { .agentProgress(AgentProgress(fraction: 0.5)) }
    static func delta(_ message: MessageID, _ text: String = "text") -> Self {
        .messageDelta(MessageDelta(messageID: message, text: text))
    }
    static func message(_ message: MessageID) -> Self {
        .messageCompleted(MessageCompleted(messageID: message, text: ""))
    }
    static func call(_ call: CallID, _ tool: ToolName = "search") -> Self {
        .toolExecuting(ToolExecuting(callID: call, tool: tool, arguments: .null))
    }
    static func callProgress(_ call: CallID) -> Self { .toolProgress(ToolProgress(callID: call)) }
    static func callEnd(_ call: CallID, _ tool: ToolName = "search") -> Self {
        .toolCompleted(ToolCompleted(callID: call, tool: tool, status: .succeeded, durationMilliseconds: 1))
    }
    static func ask(_ approval: ApprovalID, call: CallID? = nil) -> Self {
        .approvalRequested(ApprovalRequested(approvalID: approval, callID: call, prompt: "May I?"))
    }
    static func answer(_ approval: ApprovalID) -> Self {
        .approvalResolved(ApprovalResolved(approvalID: approval, decision: .approved))
    }
    static var pause: Self { .agentPaused(AgentPaused()) }
    static var resume: Self { .agentResumed(AgentResumed()) }
    static var complete: Self { .agentCompleted(AgentCompleted(durationMilliseconds: 1)) }
    static var fail: Self {
        let failure = RunFailure(code: "test.failed", message: "It failed.", retryable: false)
        return .agentFailed(AgentFailed(error: failure, durationMilliseconds: 1))
    }
    static var failLate: Self { .agentFailed(AgentFailed(error: .notStartedInTime, durationMilliseconds: 1)) }
    static var cancel: Self { .agentCancelled(AgentCancelled(durationMilliseconds: 1)) }
    static var userMessage: Self { .userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Hello")) }
    static var stateUpdate: Self { .stateUpdated(StateUpdated(version: 1, key: "key", change: .removed)) }
    static var custom: Self { .custom(CustomEvent(name: "note", value: 1)) }
    static var unheardOf: Self { .unknown(UnknownEvent(typeName: "agent_dreaming", bytes: [])) }
}

extension ThreadStateMachine {
    /// Checks an event, and applies it when it is accepted. A run that was never open here is new.
    mutating func receive(
        _ draft: EventDraft,
        host: RunHost = .process,
        at time: Timestamp,
        lookedUp: [RunID: Bool] = [:]
    ) -> CheckAction {
        var action = check(draft, host: host, at: time, lookedUp: lookedUp)
        if case .lookUp(let run) = action { action = check(draft, host: host, at: time, lookedUp: [run: false]) }
        if case .accept(let acceptance) = action {
            var journal = journal
            apply(acceptance, of: draft, &journal)
        }
        return action
    }

    mutating func receive(
        run: RunID?,
        agent: AgentName?,
        payload: EventPayload,
        host: RunHost = .process,
        at time: Timestamp
    ) -> CheckAction {
        receive(EventDraft(runID: run, agent: agent, payload), host: host, at: time)
    }

    mutating func receive(_ input: OrderInput, at milliseconds: Int64 = 0) -> CheckAction {
        receive(
            run: input.run,
            agent: input.agent,
            payload: input.payload,
            at: Timestamp(milliseconds: milliseconds)
        )
    }

    /// A short form for events that name no agent.
    mutating func receive(_ run: RunID?, _ payload: EventPayload, at milliseconds: Int64 = 0) -> CheckAction {
        receive(OrderInput(run, payload), at: milliseconds)
    }

    mutating func start(
        _ run: RunID,
        agent: AgentName = "guide",
        parent: RunID? = nil,
        call: CallID? = nil,
        at milliseconds: Int64 = 0
    ) -> CheckAction {
        receive(OrderInput(run, agent: agent, .start(parent: parent, call: call)), at: milliseconds)
    }
}

extension ThreadStateMachine.CheckAction {
    /// The rule that was broken; `nil` when the event was accepted.
    var rule: OrderRule? { violation?.rule }

    var violation: OrderViolation? {
        switch self {
        case .accept, .lookUp: nil
        case .reject(let violation): violation
        }
    }

    var acceptance: ThreadStateMachine.Acceptance? {
        switch self {
        case .accept(let acceptance): acceptance
        case .reject, .lookUp: nil
        }
    }
}
