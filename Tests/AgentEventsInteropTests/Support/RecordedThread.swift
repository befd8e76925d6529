import AgentEvents

/// A thread as a log has it, written down event by event.
struct RecordedThread {
    static let thread: ThreadID = "t_1"
    static let agent: AgentName = "guide"
    private(set) var events: [AgentEvent] = []

    var head: UInt64 { UInt64(events.count) }

    @discardableResult
    mutating func add(_ run: RunID?, _ payload: EventPayload, agent: AgentName = Self.agent) -> EventID {
        let number = UInt64(events.count + 1)
        let id = EventID(generation: 3, sequence: number)
        events.append(
            AgentEvent(
                id: id, threadID: Self.thread, runID: run, agent: run == nil ? nil : agent,
                time: Timestamp(milliseconds: 1_700_000_000_000 + Int64(number)), payload: payload))
        return id
    }

    /// - Parameter clientID: the id that a client of AG-UI gave to the message.
    mutating func ask(_ text: String, message: MessageID, clientID: String? = nil) {
        let data = clientID.map { id -> JSONValue in ["ag_ui": ["message_id": .string(id)]] }
        add(nil, .userMessage(UserMessage(messageID: message, userID: "u_1", text: text, data: data)))
    }

    mutating func start(_ run: RunID, parent: RunID? = nil, call: CallID? = nil) {
        add(run, .agentStarted(AgentStarted(parentRunID: parent, parentCallID: call)))
    }

    mutating func start(_ run: RunID, answering message: MessageID, retryOf: RunID? = nil) {
        add(run, .agentStarted(AgentStarted(messageIDs: [message], retryOf: retryOf)))
    }

    mutating func think(_ run: RunID, _ text: String, _ thought: ThoughtID = "th_1") {
        add(run, .agentThinking(AgentThinking(thoughtID: thought, text: text)))
    }

    mutating func say(_ run: RunID, _ text: String, _ message: MessageID = "m_1") {
        add(run, .messageDelta(MessageDelta(messageID: message, text: text)))
    }

    mutating func said(_ run: RunID, _ text: String, _ message: MessageID = "m_1") {
        add(run, .messageCompleted(MessageCompleted(messageID: message, text: text)))
    }

    mutating func call(_ run: RunID, _ call: CallID, _ tool: ToolName = "search") {
        add(run, .toolExecuting(ToolExecuting(callID: call, tool: tool, arguments: ["query": "a"])))
    }

    mutating func called(
        _ run: RunID,
        _ call: CallID,
        _ tool: ToolName = "search",
        _ status: ToolStatus = .succeeded
    ) {
        let error = status == .succeeded ? nil : ToolFailure(code: "tool.failed", message: "it did not work")
        add(
            run,
            .toolCompleted(
                ToolCompleted(
                    callID: call, tool: tool, status: status, result: status == .succeeded ? ["hits": 2] : nil,
                    error: error, durationMilliseconds: 1)))
    }

    mutating func request(_ run: RunID, _ approval: ApprovalID, call: CallID?) {
        add(run, .approvalRequested(ApprovalRequested(approvalID: approval, callID: call, prompt: "May I?")))
    }

    mutating func resolve(_ run: RunID, _ approval: ApprovalID, _ decision: ApprovalDecision = .approved) {
        add(run, .approvalResolved(ApprovalResolved(approvalID: approval, decision: decision, by: "u_1")))
    }

    mutating func complete(_ run: RunID, usage: TokenUsage? = nil) {
        add(run, .agentCompleted(AgentCompleted(result: nil, usage: usage, durationMilliseconds: 5)))
    }

    mutating func fail(_ run: RunID) {
        add(
            run,
            .agentFailed(
                AgentFailed(
                    error: RunFailure(code: "model.down", message: "the model is down", retryable: true),
                    durationMilliseconds: 5)))
    }

    mutating func cancel(_ run: RunID) {
        add(run, .agentCancelled(AgentCancelled(reason: "stopped", by: "u_1", durationMilliseconds: 5)))
    }
}

extension RecordedThread {
    /// A run with all that a run can have: thoughts, parallel calls beside a text that grows, an id of a call that is used again, a
    /// child with a call of its own, a pause, and, unless it is left out, two questions at the same time.
    static func everything(asks: Bool = true) -> RecordedThread {
        var thread = RecordedThread()
        thread.ask("What is there?", message: "m_u")
        thread.start("r_1")
        thread.think("r_1", "I look")
        thread.think("r_1", " for it.")
        thread.say("r_1", "Let me ")
        thread.call("r_1", "c_1")
        thread.call("r_1", "c_2", "read")
        thread.say("r_1", "see.")
        thread.called("r_1", "c_1")
        thread.said("r_1", "Let me see.")
        thread.called("r_1", "c_2", "read", .failed)
        thread.call("r_1", "c_1")
        thread.start("r_2", parent: "r_1", call: "c_1")
        thread.say("r_2", "A child", "m_1")
        thread.say("r_2", " speaks.", "m_1")
        thread.said("r_2", "A child speaks.", "m_1")
        thread.call("r_2", "c_1", "read")
        thread.called("r_2", "c_1", "read")
        thread.complete("r_2")
        thread.called("r_1", "c_1")
        thread.add("r_1", .agentPaused(AgentPaused(by: "u_1")))
        thread.add("r_1", .agentResumed(AgentResumed(by: "u_1")))
        if asks {
            thread.call("r_1", "c_3", "write")
            thread.call("r_1", "c_4", "write")
            thread.request("r_1", "a_3", call: "c_3")
            thread.request("r_1", "a_4", call: "c_4")
        }
        return thread
    }

    /// A run that asks, and then asks for another call beside.
    static func asksTwice() -> RecordedThread {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.call("r_1", "c_1", "write")
        thread.request("r_1", "a_1", call: "c_1")
        thread.call("r_1", "c_2", "write")
        thread.request("r_1", "a_2", call: "c_2")
        return thread
    }

    /// What follows the answers.
    mutating func goOn() {
        resolve("r_1", "a_3")
        resolve("r_1", "a_4", .denied)
        called("r_1", "c_3", "write")
        called("r_1", "c_4", "write", .denied)
        finish()
    }

    mutating func finish() {
        said("r_1", "Done.", "m_2")
        complete("r_1")
    }
}
