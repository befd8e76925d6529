import AgentEvents

/// What an agent does next: runs that are queued or start at once, with thoughts, messages in fragments, tools in parallel,
/// questions, reports of tokens and child runs, and now and then what the order forbids.
struct AgentScript {
    private static let agents: [AgentName] = ["guide", "helper"]
    private static let tools: [ToolName] = ["search", "read"]

    /// Makes ids that are never used twice in the world.
    private let prefix: String
    private var last = 0
    private(set) var run: RunID?
    private var child: RunID?
    private var calls: [CallID] = []
    private var message: MessageID?
    private var text = ""
    /// Whether the run has not started yet.
    private var isQueued = false
    /// Whether it tries to start a run again. Where runs are trimmed it does not: one that has ended meanwhile may be gone from
    /// the log, and its id free again.
    private let restartsRuns: Bool
    /// Whether the events made last are to be refused.
    private(set) var isForbidden = false

    init(prefix: String, restartsRuns: Bool = true) {
        self.prefix = prefix
        self.restartsRuns = restartsRuns
    }

    private mutating func identifier() -> IdentifierText {
        last += 1
        return IdentifierText(unchecked: prefix + String(last))
    }

    /// Whether a run ends with this draft.
    var isIdle: Bool { run == nil }

    /// The process that ran the agent is gone.
    mutating func forget() {
        run = nil
        child = nil
        calls = []
        message = nil
        text = ""
        isQueued = false
    }

    /// The next events of the agent, and the script as it is when they are accepted.
    func next(_ random: inout SimulationRandom) -> (drafts: [EventDraft], script: AgentScript) {
        var script = self
        let drafts = script.advance(&random)
        return (drafts, script)
    }

    /// The ids of what comes next are none that these drafts had, whatever becomes of them: who was not answered does not
    /// know whether they are taken.
    mutating func passOver(_ next: AgentScript) { last = next.last }

    private mutating func advance(_ random: inout SimulationRandom) -> [EventDraft] {
        isForbidden = false
        guard let run else { return start(&random) }
        if isQueued { return leaveQueue(run, &random) }
        switch random.below(28) {
        case 0..<3: return [draft(.agentThinking(AgentThinking(thoughtID: ThoughtID(text: identifier()), text: "so")))]
        case 3..<12: return say()
        case 12: return closeMessage()
        case 13..<15: return call()
        case 15..<17: return returnCall()
        case 17: return startOrEndChild()
        case 18: return [draft(.agentProgress(AgentProgress(fraction: random.fraction())))]
        case 19: return forbidden(run, &random)
        case 20: return pause(&random)
        case 21: return end(run, .agentCancelled(AgentCancelled(reason: "enough", durationMilliseconds: 1)))
        case 22: return end(run, .agentFailed(AgentFailed(error: Self.failure, durationMilliseconds: 1)))
        case 23: return [report(&random)]
        case 24: return [draft(.inputTaken(InputTaken(messageIDs: [MessageID(text: identifier())])))]
        case 25: return ask(run, &random)
        default: return complete(run)
        }
    }

    /// What has not begun starts, is cancelled, or is not allowed to do anything yet.
    private mutating func leaveQueue(_ run: RunID, _ random: inout SimulationRandom) -> [EventDraft] {
        switch random.below(6) {
        case 0:
            return end(run, .agentCancelled(AgentCancelled(reason: "superseded", durationMilliseconds: 0)))
        case 1:
            isForbidden = true
            return [draft(.agentProgress(AgentProgress(step: 1)))]
        default:
            isQueued = false
            return [EventDraft(runID: run, agent: Self.agents[0], .agentStarted(AgentStarted(attempt: 1)))]
        }
    }

    /// A pause, in which what is under way may go on.
    private func pause(_ random: inout SimulationRandom) -> [EventDraft] {
        var drafts = [draft(.agentPaused(AgentPaused()))]
        if let call = calls.first { drafts.append(draft(.toolProgress(ToolProgress(callID: call)))) }
        if random.once(in: 2) { drafts.append(report(&random)) }
        return drafts + [draft(.agentResumed(AgentResumed()))]
    }

    private func report(_ random: inout SimulationRandom) -> EventDraft {
        draft(.usageReported(UsageReported(model: "small", inputTokens: Int64(random.below(1000)), outputTokens: 7)))
    }

    /// A question: it lapses, the run ends and closes it, or people have to answer it, for a run that waits for an answer is
    /// never idle.
    private mutating func ask(_ run: RunID, _ random: inout SimulationRandom) -> [EventDraft] {
        let approval = ApprovalID(text: identifier())
        let asked = draft(
            .approvalRequested(ApprovalRequested(approvalID: approval, callID: calls.last, prompt: "May I?")))
        if random.once(in: 4) { return [asked] }
        guard !random.once(in: 4) else {
            return [asked] + end(run, .agentCancelled(AgentCancelled(reason: "enough", durationMilliseconds: 1)))
        }
        let decision: ApprovalDecision = random.once(in: 2) ? .expired : .cancelled
        return [asked, draft(.approvalResolved(ApprovalResolved(approvalID: approval, decision: decision)))]
    }

    private static let failure = RunFailure(code: "agent.failed", message: "it did not work", retryable: false)

    private func draft(_ payload: EventPayload) -> EventDraft { EventDraft(runID: run, payload) }

    private mutating func start(_ random: inout SimulationRandom) -> [EventDraft] {
        let run = RunID(text: identifier())
        self.run = run
        isQueued = random.once(in: 5)
        let first: EventPayload = isQueued ? .agentQueued(AgentQueued(by: "u_1")) : .agentStarted(AgentStarted())
        let started = EventDraft(runID: run, agent: Self.agents[0], first)
        guard random.once(in: 2) else { return [started] }
        let asked = UserMessage(messageID: MessageID(text: identifier()), userID: "u_1", text: "Where is it?")
        return [EventDraft(.userMessage(asked)), started]
    }

    private mutating func say() -> [EventDraft] {
        let message = message ?? MessageID(text: identifier())
        self.message = message
        let word = "word\(last % 7) "
        text += word
        return [draft(.messageDelta(MessageDelta(messageID: message, text: word)))]
    }

    private mutating func closeMessage() -> [EventDraft] {
        guard let message else { return say() }
        defer {
            self.message = nil
            text = ""
        }
        return [draft(.messageCompleted(MessageCompleted(messageID: message, text: text)))]
    }

    private mutating func call() -> [EventDraft] {
        guard calls.count < 3 else { return returnCall() }
        let call = CallID(text: identifier())
        calls.append(call)
        let tool = Self.tools[0]
        return [draft(.toolExecuting(ToolExecuting(callID: call, tool: tool, arguments: ["query": "parser"])))]
    }

    private mutating func returnCall() -> [EventDraft] {
        guard !calls.isEmpty else { return call() }
        return [completed(calls.removeFirst())]
    }

    private func completed(_ call: CallID) -> EventDraft {
        draft(
            .toolCompleted(
                ToolCompleted(callID: call, tool: Self.tools[0], status: .succeeded, result: 1, durationMilliseconds: 1)
            ))
    }

    private mutating func startOrEndChild() -> [EventDraft] {
        if let child {
            self.child = nil
            return [EventDraft(runID: child, .agentCompleted(AgentCompleted(durationMilliseconds: 1)))]
        }
        let child = RunID(text: identifier())
        self.child = child
        return [EventDraft(runID: child, agent: Self.agents[1], .agentStarted(AgentStarted(parentRunID: run)))]
    }

    /// Something that is to be refused.
    private mutating func forbidden(_ run: RunID, _ random: inout SimulationRandom) -> [EventDraft] {
        isForbidden = true
        switch random.below(4) {
        case 0: return [completed(CallID(text: identifier()))]
        case 1 where restartsRuns:
            return [EventDraft(runID: run, agent: Self.agents[0], .agentStarted(AgentStarted()))]
        // (People may have paused it, so that a resumption may be taken.)
        case 1, 2: return [draft(.toolProgress(ToolProgress(callID: CallID(text: identifier()))))]
        default:
            // All or nothing: the first of them alone would be fine.
            return [draft(.agentProgress(AgentProgress(step: 1))), completed(CallID(text: identifier()))]
        }
    }

    /// Ends the run whatever is open.
    private mutating func end(_ run: RunID, _ payload: EventPayload) -> [EventDraft] {
        forget()
        return [EventDraft(runID: run, payload)]
    }

    private mutating func complete(_ run: RunID) -> [EventDraft] {
        var drafts = calls.map(completed)
        if message != nil { drafts += closeMessage() }
        if let child {
            drafts.append(EventDraft(runID: child, .agentCompleted(AgentCompleted(durationMilliseconds: 1))))
        }
        drafts.append(draft(.agentCompleted(AgentCompleted(result: "done", durationMilliseconds: 1))))
        forget()
        return drafts
    }
}
