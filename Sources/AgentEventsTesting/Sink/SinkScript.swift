import AgentEvents

/// Makes committed events for sinks.
enum SinkScript {
    private static let time = Timestamp(milliseconds: 1_795_226_400_000)

    /// So many events of each thread, those of one thread between those of the others.
    static func batch(threads: [ThreadID], from first: UInt64, count: UInt64) throws(WireError) -> [StoredEvent] {
        var events: [StoredEvent] = []
        for sequence in first..<first + count {
            for thread in threads {
                let custom = CustomEvent(name: "step", value: .integer(sequence))
                events.append(try stored(.custom(custom), sequence, in: thread))
            }
        }
        return events
    }

    /// One event of each type, then a large one and one of an unknown type.
    static func everyKind() throws(WireError) -> [StoredEvent] {
        var events: [StoredEvent] = []
        for payload in payloads + [.messageCompleted(MessageCompleted(messageID: "m_2", text: largeText))] {
            events.append(try stored(payload, UInt64(events.count) + 1, in: "t_1"))
        }
        let id = EventID(generation: 1, sequence: UInt64(events.count) + 1)
        let unknown =
            #"{"type":"made_later","id":"\#(id)","seq":\#(id.sequence),"thread_id":"t_1","time":"\#(time.rfc3339)","#
            + #""data":{"text":"\ud800","n":123456789012345678901234567890}}"#
        events.append(StoredEvent(thread: "t_1", id: id, bytes: Array(unknown.utf8)))
        return events
    }

    private static var largeText: String { String(repeating: "ä\n\"", count: 20_000) }

    private static var payloads: [EventPayload] {
        [
            .userMessage(UserMessage(messageID: "u_1", userID: "u_1", text: "Hello \u{0}\u{1B}[31m\r\n")),
            .agentQueued(AgentQueued(messageIDs: ["u_1"])),
            .agentStarted(AgentStarted(input: ["q": "x"])),
            .inputTaken(InputTaken(messageIDs: ["u_1"])),
            .agentThinking(AgentThinking(thoughtID: "th_1", text: "Hm.")),
            .agentProgress(AgentProgress(message: "half", fraction: 0.5, step: 1, total: 2)),
            .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: ["api_key": "secret"])),
            .toolProgress(ToolProgress(callID: "c_1", fraction: 1)),
            .approvalRequested(ApprovalRequested(approvalID: "a_1", callID: "c_1", prompt: "May I?")),
            .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .approved)),
            .toolCompleted(
                ToolCompleted(callID: "c_1", tool: "search", status: .succeeded, result: nil, durationMilliseconds: 1)),
            .messageDelta(MessageDelta(messageID: "m_1", text: "")),
            .messageCompleted(MessageCompleted(messageID: "m_1", text: "")),
            .usageReported(UsageReported(inputTokens: 1, outputTokens: 0)),
            .agentPaused(AgentPaused()),
            .agentResumed(AgentResumed()),
            .stateUpdated(StateUpdated(version: 1, key: "k", change: .value(nil))),
            .custom(CustomEvent(name: "x", value: [])),
            .agentCompleted(AgentCompleted(durationMilliseconds: 0)),
            .agentFailed(
                AgentFailed(error: RunFailure(code: "x", message: "y", retryable: true), durationMilliseconds: 0)),
            .agentCancelled(AgentCancelled(durationMilliseconds: 0)),
        ]
    }

    private static func stored(
        _ payload: EventPayload, _ sequence: UInt64, in thread: ThreadID
    ) throws(WireError) -> StoredEvent {
        let hasRun = payload.type?.needsRun == true
        let id = EventID(generation: 1, sequence: sequence)
        let event = AgentEvent(
            id: id, threadID: thread, runID: hasRun ? "r_1" : nil, agent: hasRun ? "guide" : nil, time: time,
            payload: payload)
        return StoredEvent(thread: thread, id: id, bytes: try EventEncoder.encode(event))
    }
}
