import AgentEvents

// One matcher for each type of the catalogue, with what a pattern can say of it.

extension EventMatcher {
    static func agentQueued(
        _ agent: AgentName?, _ input: JSONValue?, _ constraints: [PayloadConstraint<AgentQueued>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> AgentQueued? in
            if case .agentQueued(let queued) = payload { queued } else { nil }
        }
        let input = Condition.includes("input", input) { payload($0.payload)?.input }
        return EventMatcher(
            "agentQueued", .agentQueued, [.agent(agent), input] + Condition.payload(payload, constraints))
    }

    static func inputTaken(_ constraints: [PayloadConstraint<InputTaken>]) -> EventMatcher {
        EventMatcher(
            "inputTaken", .inputTaken,
            Condition.payload({ if case .inputTaken(let taken) = $0 { taken } else { nil } }, constraints))
    }

    static func usageReported(
        _ model: String?, _ constraints: [PayloadConstraint<UsageReported>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> UsageReported? in
            if case .usageReported(let report) = payload { report } else { nil }
        }
        let isModel = Condition.equal("model", called: "model", model) { payload($0.payload)?.model }
        return EventMatcher("usageReported", .usageReported, [isModel] + Condition.payload(payload, constraints))
    }

    static func agentStarted(
        _ agent: AgentName?, _ input: JSONValue?, _ constraints: [PayloadConstraint<AgentStarted>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> AgentStarted? in
            if case .agentStarted(let started) = payload { started } else { nil }
        }
        let input = Condition.includes("input", input) { payload($0.payload)?.input }
        return EventMatcher(
            "agentStarted", .agentStarted, [.agent(agent), input] + Condition.payload(payload, constraints))
    }

    /// A fragment of a thought; the conditions are on the whole of it.
    static func agentThinking(_ part: String?) -> EventMatcher {
        EventMatcher("agentThinking", .agentThinking, [.containing(part) { $1.thought(of: $0) }])
    }

    static func agentProgress(_ constraints: [PayloadConstraint<AgentProgress>]) -> EventMatcher {
        EventMatcher(
            "agentProgress", .agentProgress,
            Condition.payload({ if case .agentProgress(let progress) = $0 { progress } else { nil } }, constraints))
    }

    /// - Parameter name: `messageDelta` or `fragment of message`.
    static func messageDelta(_ name: String, _ part: String?) -> EventMatcher {
        let text = Condition.containing(part) { event, _ in
            if case .messageDelta(let delta) = event.payload { delta.text } else { nil }
        }
        return EventMatcher(name, .messageDelta, [text])
    }

    /// - Parameter name: `message` or `messageCompleted`.
    static func messageCompleted(
        _ name: String, _ part: String?, _ constraints: [PayloadConstraint<MessageCompleted>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> MessageCompleted? in
            if case .messageCompleted(let completed) = payload { completed } else { nil }
        }
        let text = Condition.containing(part) { event, _ in payload(event.payload)?.text }
        return EventMatcher(name, .messageCompleted, [text] + Condition.payload(payload, constraints))
    }

    /// - Parameter name: `tool` or `toolExecuting`.
    static func toolExecuting(
        _ name: String, _ tool: ToolName?, _ arguments: JSONValue?, _ constraints: [PayloadConstraint<ToolExecuting>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> ToolExecuting? in
            if case .toolExecuting(let executing) = payload { executing } else { nil }
        }
        let isTool = Condition.equal(nil, called: "the tool", tool) { payload($0.payload)?.tool }
        let json = Condition.includes("arguments", arguments) { payload($0.payload)?.arguments }
        return EventMatcher(name, .toolExecuting, [isTool, json] + Condition.payload(payload, constraints))
    }

    static func toolProgress(_ constraints: [PayloadConstraint<ToolProgress>]) -> EventMatcher {
        EventMatcher(
            "toolProgress", .toolProgress,
            Condition.payload({ if case .toolProgress(let progress) = $0 { progress } else { nil } }, constraints))
    }

    /// - Parameter name: `toolCompleted` or `end of tool`.
    static func toolCompleted(
        _ name: String, _ tool: ToolName?, _ status: ToolStatus?, _ result: JSONValue?,
        _ constraints: [PayloadConstraint<ToolCompleted>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> ToolCompleted? in
            if case .toolCompleted(let completed) = payload { completed } else { nil }
        }
        let isTool = Condition.equal(nil, called: "the tool", tool) { payload($0.payload)?.tool }
        let hasStatus = Condition.equal("status", called: "status", status) { payload($0.payload)?.status }
        let json = Condition.includes("result", result) { payload($0.payload)?.result }
        return EventMatcher(
            name, .toolCompleted, [isTool, hasStatus, json] + Condition.payload(payload, constraints))
    }

    static func approvalRequested(
        _ part: String?, _ constraints: [PayloadConstraint<ApprovalRequested>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> ApprovalRequested? in
            if case .approvalRequested(let requested) = payload { requested } else { nil }
        }
        let text = Condition.containing(part) { event, _ in payload(event.payload)?.prompt }
        return EventMatcher("approvalRequested", .approvalRequested, [text] + Condition.payload(payload, constraints))
    }

    static func approvalResolved(
        _ decision: ApprovalDecision?, _ constraints: [PayloadConstraint<ApprovalResolved>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> ApprovalResolved? in
            if case .approvalResolved(let resolved) = payload { resolved } else { nil }
        }
        let isDecision = Condition.equal(nil, called: "the decision", decision) { payload($0.payload)?.decision }
        return EventMatcher(
            "approvalResolved", .approvalResolved, [isDecision] + Condition.payload(payload, constraints))
    }

    static func agentPaused(_ constraints: [PayloadConstraint<AgentPaused>]) -> EventMatcher {
        EventMatcher(
            "agentPaused", .agentPaused,
            Condition.payload({ if case .agentPaused(let paused) = $0 { paused } else { nil } }, constraints))
    }

    static func agentResumed(_ constraints: [PayloadConstraint<AgentResumed>]) -> EventMatcher {
        EventMatcher(
            "agentResumed", .agentResumed,
            Condition.payload({ if case .agentResumed(let resumed) = $0 { resumed } else { nil } }, constraints))
    }

    static func agentCompleted(
        _ result: JSONValue?, _ constraints: [PayloadConstraint<AgentCompleted>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> AgentCompleted? in
            if case .agentCompleted(let completed) = payload { completed } else { nil }
        }
        let json = Condition.includes("result", result) { payload($0.payload)?.result }
        return EventMatcher("agentCompleted", .agentCompleted, [json] + Condition.payload(payload, constraints))
    }

    static func agentFailed(_ code: String?, _ constraints: [PayloadConstraint<AgentFailed>]) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> AgentFailed? in
            if case .agentFailed(let failed) = payload { failed } else { nil }
        }
        let hasCode = Condition.equal("code", called: "code", code) { payload($0.payload)?.error.code }
        return EventMatcher("agentFailed", .agentFailed, [hasCode] + Condition.payload(payload, constraints))
    }

    static func agentCancelled(_ reason: String?, _ constraints: [PayloadConstraint<AgentCancelled>]) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> AgentCancelled? in
            if case .agentCancelled(let cancelled) = payload { cancelled } else { nil }
        }
        let hasReason = Condition.equal("reason", called: "reason", reason) { payload($0.payload)?.reason }
        return EventMatcher("agentCancelled", .agentCancelled, [hasReason] + Condition.payload(payload, constraints))
    }

    static func userMessage(_ part: String?, _ constraints: [PayloadConstraint<UserMessage>]) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> UserMessage? in
            if case .userMessage(let message) = payload { message } else { nil }
        }
        let text = Condition.containing(part) { event, _ in payload(event.payload)?.text }
        return EventMatcher("userMessage", .userMessage, [text] + Condition.payload(payload, constraints))
    }

    static func stateUpdated(_ key: String?, _ constraints: [PayloadConstraint<StateUpdated>]) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> StateUpdated? in
            if case .stateUpdated(let updated) = payload { updated } else { nil }
        }
        let hasKey = Condition.equal("key", called: "key", key) { payload($0.payload)?.key }
        return EventMatcher("stateUpdated", .stateUpdated, [hasKey] + Condition.payload(payload, constraints))
    }

    static func custom(
        _ name: String?, _ value: JSONValue?, _ constraints: [PayloadConstraint<CustomEvent>]
    ) -> EventMatcher {
        let payload = { @Sendable (payload: EventPayload) -> CustomEvent? in
            if case .custom(let custom) = payload { custom } else { nil }
        }
        let hasName = Condition.equal(nil, called: "the name", name) { payload($0.payload)?.name }
        let json = Condition.includes("value", value) { payload($0.payload)?.value }
        return EventMatcher("custom", .custom, [hasName, json] + Condition.payload(payload, constraints))
    }

    static func event(
        _ description: String, _ condition: (@Sendable (AgentEvent) -> Bool)?
    ) -> EventMatcher {
        guard let condition else { return EventMatcher(description, nil) }
        let isSo = Condition(description: description, isTold: false) { event, _ in
            condition(event) ? nil : "the condition does not hold"
        }
        return EventMatcher("event", nil, [isSo])
    }
}
