import AgentEvents

/// One event of a sequence in few words: what happens, in which run, and where it stands if not behind the last one.
struct Step: Sendable {
    var payload: EventPayload
    var run: RunID?
    var agent: AgentName?
    var sequence: UInt64?
    var fromSequence: UInt64?
    var generation: UInt64 = 1
    var milliseconds: Int64?

    init(_ payload: EventPayload, run: RunID? = "r_1", agent: AgentName? = "guide") {
        self.payload = payload
        self.run = run
        self.agent = agent
    }

    /// The same in another run.
    func of(_ run: RunID, agent: AgentName = "guide") -> Step {
        var step = self
        step.run = run
        step.agent = agent
        return step
    }

    /// The same at another place.
    func at(
        _ sequence: UInt64? = nil, from: UInt64? = nil, generation: UInt64 = 1, milliseconds: Int64? = nil
    ) -> Step {
        var step = self
        step.sequence = sequence
        step.fromSequence = from
        step.generation = generation
        step.milliseconds = milliseconds
        return step
    }

    static let start = Step(.agentStarted(AgentStarted()))
    static func child(_ run: RunID, of parent: RunID?, call: CallID? = nil) -> Step {
        Step(.agentStarted(AgentStarted(parentRunID: parent, parentCallID: call)), run: run, agent: "finder")
    }
    static func think(_ text: String = "Hm.", _ thought: ThoughtID = "th_1") -> Step {
        Step(.agentThinking(AgentThinking(thoughtID: thought, text: text)))
    }
    static let progress = Step(.agentProgress(AgentProgress(fraction: 0.5)))
    static func delta(_ message: MessageID = "m_1", _ text: String = "Hi ") -> Step {
        Step(.messageDelta(MessageDelta(messageID: message, text: text)))
    }
    static func message(_ message: MessageID = "m_1", _ text: String = "Hi there") -> Step {
        Step(.messageCompleted(MessageCompleted(messageID: message, text: text)))
    }
    static func call(_ call: CallID = "c_1", _ tool: ToolName = "search", _ arguments: JSONValue = [:]) -> Step {
        Step(.toolExecuting(ToolExecuting(callID: call, tool: tool, arguments: arguments)))
    }
    static func callProgress(_ call: CallID = "c_1") -> Step { Step(.toolProgress(ToolProgress(callID: call))) }
    static func callEnd(
        _ call: CallID = "c_1", _ tool: ToolName = "search", _ status: ToolStatus = .succeeded,
        result: JSONValue? = nil
    ) -> Step {
        Step(
            .toolCompleted(
                ToolCompleted(callID: call, tool: tool, status: status, result: result, durationMilliseconds: 1)))
    }
    static func ask(_ approval: ApprovalID = "a_1", call: CallID? = nil) -> Step {
        Step(.approvalRequested(ApprovalRequested(approvalID: approval, callID: call, prompt: "May I?")))
    }
    static func answer(_ approval: ApprovalID = "a_1", _ decision: ApprovalDecision = .approved) -> Step {
        Step(.approvalResolved(ApprovalResolved(approvalID: approval, decision: decision)))
    }
    static let pause = Step(.agentPaused(AgentPaused()))
    static let resume = Step(.agentResumed(AgentResumed()))
    static let complete = Step(.agentCompleted(AgentCompleted(result: "done", durationMilliseconds: 1)))
    static let fail = Step(
        .agentFailed(
            AgentFailed(error: RunFailure(code: "x", message: "It broke.", retryable: false), durationMilliseconds: 1)))
    static let cancel = Step(.agentCancelled(AgentCancelled(reason: "enough", durationMilliseconds: 1)))
    static let user = Step(
        .userMessage(UserMessage(messageID: "u_m", userID: "u_1", text: "Hello")), run: nil, agent: nil)
    static let state = Step(
        .stateUpdated(StateUpdated(version: 1, key: "k", change: .removed)), run: nil, agent: nil)
    static func custom(_ name: String = "x") -> Step { Step(.custom(CustomEvent(name: name, value: 1))) }
}

extension [Step] {
    /// The events: each has the next number and a millisecond more than the last, unless it says otherwise.
    func events(in thread: ThreadID = "t_1") -> [AgentEvent] {
        var sequence: UInt64 = 0
        return map { step in
            sequence = step.sequence ?? sequence + 1
            return AgentEvent(
                id: EventID(generation: step.generation, sequence: sequence), threadID: thread, runID: step.run,
                agent: step.agent,
                time: Timestamp(milliseconds: step.milliseconds ?? 1_795_226_400_000 + Int64(sequence)),
                fromSequence: step.fromSequence, payload: step.payload)
        }
    }
}
