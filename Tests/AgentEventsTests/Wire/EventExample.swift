import AgentEvents

/// One event of each type, with few members and with all, and its canonical bytes.
struct EventExample: CustomStringConvertible, Sendable {
    var payload: EventPayload
    /// The members of `data` as they stand on the wire.
    var data: String

    init(_ payload: EventPayload, _ data: String) {
        self.payload = payload
        self.data = data
    }

    var description: String { "\(payload.typeName) \(data)" }
    var belongsToThread: Bool { payload.type == .userMessage || payload.type == .stateUpdated }

    var event: AgentEvent {
        AgentEvent(
            id: EventID(generation: 3, sequence: 42), threadID: "t_7", runID: belongsToThread ? nil : "r_1",
            agent: belongsToThread ? nil : "guide", time: Timestamp(milliseconds: 1_795_227_000_123), payload: payload)
    }

    var text: String {
        let run = belongsToThread ? "" : #","run_id":"r_1","agent":"guide""#
        return #"{"type":"\#(payload.typeName)","id":"3-42","seq":42,"thread_id":"t_7"\#(run),"#
            + #""time":"2026-11-21T02:10:00.123Z","data":\#(data)}"#
    }

    var bytes: [UInt8] { Array(text.utf8) }

    /// The same as a client would send it.
    var draftText: String {
        let run = belongsToThread ? "" : #","run_id":"r_1","agent":"guide""#
        return #"{"type":"\#(payload.typeName)"\#(run),"data":\#(data)}"#
    }

    static let time = Timestamp(milliseconds: 1_795_227_000_123)

    static let trace = TraceContext(
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=1")
    static let traceText =
        #""trace":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=1"}"#

    static let all: [EventExample] = [
        EventExample(.agentQueued(AgentQueued()), "{}"),
        EventExample(
            .agentQueued(
                AgentQueued(
                    input: ["question": "why?"], messageIDs: ["m_0", "m_1"], by: "u_1", notBefore: time, startBy: time,
                    scheduleID: "sch_1", attempt: 2, retryOf: "r_0")),
            #"{"input":{"question":"why?"},"message_ids":["m_0","m_1"],"by":"u_1","#
                + #""not_before":"2026-11-21T02:10:00.123Z","start_by":"2026-11-21T02:10:00.123Z","#
                + #""schedule_id":"sch_1","attempt":2,"retry_of":"r_0"}"#),
        EventExample(
            .agentStarted(AgentStarted(messageIDs: ["m_0"], attempt: 1, retryOf: "r_0", trace: trace)),
            #"{"message_ids":["m_0"],"attempt":1,"retry_of":"r_0",\#(traceText)}"#),
        EventExample(.inputTaken(InputTaken(messageIDs: ["m_0"])), #"{"message_ids":["m_0"]}"#),
        EventExample(
            .usageReported(UsageReported(inputTokens: 0, outputTokens: 0)), #"{"input_tokens":0,"output_tokens":0}"#),
        EventExample(
            .usageReported(
                UsageReported(
                    model: "small", inputTokens: 10, outputTokens: 2, cachedInputTokens: 5, reasoningTokens: 1,
                    isEstimated: true, other: ["cost": 0.01, "provider": nil, "parts": [["n": 1]]])),
            #"{"model":"small","input_tokens":10,"output_tokens":2,"cached_input_tokens":5,"reasoning_tokens":1,"#
                + #""estimated":true,"cost":0.01,"provider":null,"parts":[{"n":1}]}"#),
        EventExample(
            .messageCompleted(MessageCompleted(messageID: "m_1", text: "Found", isInterrupted: true)),
            #"{"message_id":"m_1","role":"assistant","text":"Found","interrupted":true}"#),
        EventExample(
            .approvalRequested(
                ApprovalRequested(
                    approvalID: "a_1", prompt: "Which?", kind: .input, isEditable: true, approvers: ["u_1", "u_2"],
                    separateFrom: "u_3")),
            #"{"approval_id":"a_1","prompt":"Which?","kind":"input","editable":true,"approvers":["u_1","u_2"],"#
                + #""separate_from":"u_3"}"#),
        EventExample(
            .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .cancelled)),
            #"{"approval_id":"a_1","decision":"cancelled"}"#),
        EventExample(
            .agentCancelled(
                AgentCancelled(
                    reason: "superseded", supersededBy: "r_2", isDiscarded: true, durationMilliseconds: 7)),
            #"{"reason":"superseded","superseded_by":"r_2","discarded":true,"duration_ms":7}"#),
        EventExample(
            .userMessage(
                UserMessage(
                    messageID: "m_1", userID: "u_1", text: "how?", replaces: "m_0", givenTo: "r_1", trace: trace)),
            #"{"message_id":"m_1","user_id":"u_1","text":"how?","replaces":"m_0","given_to":"r_1",\#(traceText)}"#),
        EventExample(
            .stateUpdated(
                StateUpdated(version: 2, key: "plan", change: .removed, by: "u_1", reason: "expired")),
            #"{"version":2,"key":"plan","removed":true,"by":"u_1","reason":"expired"}"#),
        EventExample(.agentStarted(AgentStarted()), "{}"),
        EventExample(
            .agentStarted(AgentStarted(input: ["question": "why?"], parentRunID: "r_0", parentCallID: "c_0")),
            #"{"input":{"question":"why?"},"parent_run_id":"r_0","parent_call_id":"c_0"}"#),
        EventExample(.agentStarted(AgentStarted(idleTimeoutMilliseconds: 1000)), #"{"idle_timeout_ms":1000}"#),
        EventExample(
            .agentStarted(AgentStarted(idleTimeoutMilliseconds: 86_400_000)), #"{"idle_timeout_ms":86400000}"#),
        EventExample(
            .agentThinking(AgentThinking(thoughtID: "th_1", text: "hm …\n")), #"{"thought_id":"th_1","text":"hm …\n"}"#),
        EventExample(.agentProgress(AgentProgress()), "{}"),
        EventExample(
            .agentProgress(AgentProgress(message: "half", fraction: 0.5, step: 1, total: 2)),
            #"{"message":"half","fraction":0.5,"step":1,"total":2}"#),
        EventExample(.agentProgress(AgentProgress(fraction: 1)), #"{"fraction":1}"#),
        EventExample(.messageDelta(MessageDelta(messageID: "m_1", text: "")), #"{"message_id":"m_1","text":""}"#),
        EventExample(
            .messageCompleted(MessageCompleted(messageID: "m_1", text: "Found 2 files.")),
            #"{"message_id":"m_1","role":"assistant","text":"Found 2 files."}"#),
        EventExample(
            .toolExecuting(ToolExecuting(callID: "c_1", tool: "search_files", arguments: nil)),
            #"{"call_id":"c_1","tool":"search_files","arguments":null}"#),
        EventExample(
            .toolExecuting(
                ToolExecuting(callID: "c_1", tool: "such \"é\"", arguments: ["n": [1, 2.5]], purpose: "look")),
            #"{"call_id":"c_1","tool":"such \"é\"","arguments":{"n":[1,2.5]},"purpose":"look"}"#),
        EventExample(.toolProgress(ToolProgress(callID: "c_1")), #"{"call_id":"c_1"}"#),
        EventExample(
            .toolProgress(ToolProgress(callID: "c_1", message: "3 of 4", fraction: 0.75)),
            #"{"call_id":"c_1","message":"3 of 4","fraction":0.75}"#),
        EventExample(
            .toolCompleted(ToolCompleted(callID: "c_1", tool: "search", status: .succeeded, durationMilliseconds: 0)),
            #"{"call_id":"c_1","tool":"search","status":"succeeded","duration_ms":0}"#),
        EventExample(
            .toolCompleted(
                ToolCompleted(
                    callID: "c_1", tool: "search", status: .timedOut, result: ["partial": true],
                    error: ToolFailure(code: "tool.timed_out", message: "too slow"),
                    durationMilliseconds: .max)),
            #"{"call_id":"c_1","tool":"search","status":"timed_out","result":{"partial":true},"#
                + #""error":{"code":"tool.timed_out","message":"too slow"},"duration_ms":9223372036854775807}"#),
        EventExample(
            .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "Delete it?")),
            #"{"approval_id":"a_1","prompt":"Delete it?"}"#),
        EventExample(
            .approvalRequested(
                ApprovalRequested(
                    approvalID: "a_1", callID: "c_1", prompt: "Delete it?", schema: ["type": "object"], expiresAt: time)
            ),
            #"{"approval_id":"a_1","call_id":"c_1","prompt":"Delete it?","schema":{"type":"object"},"#
                + #""expires_at":"2026-11-21T02:10:00.123Z"}"#),
        EventExample(
            .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .expired)),
            #"{"approval_id":"a_1","decision":"expired"}"#),
        EventExample(
            .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .approved, by: "u_1", data: [1])),
            #"{"approval_id":"a_1","decision":"approved","by":"u_1","data":[1]}"#),
        EventExample(.agentPaused(AgentPaused()), "{}"),
        EventExample(.agentPaused(AgentPaused(by: "u_1", reason: "wait")), #"{"by":"u_1","reason":"wait"}"#),
        EventExample(
            .agentPaused(AgentPaused(reason: "process_lost", isHandedOver: true)),
            #"{"reason":"process_lost","handed_over":true}"#),
        EventExample(.agentResumed(AgentResumed()), "{}"),
        EventExample(.agentResumed(AgentResumed(by: "u_1", reason: "go")), #"{"by":"u_1","reason":"go"}"#),
        EventExample(.agentCompleted(AgentCompleted(durationMilliseconds: 12)), #"{"duration_ms":12}"#),
        EventExample(
            .agentCompleted(
                AgentCompleted(
                    result: "done",
                    usage: TokenUsage(inputTokens: 10, outputTokens: 2, other: ["cached_tokens": 5, "cost": 0.01]),
                    durationMilliseconds: 12)),
            #"{"result":"done","usage":{"input_tokens":10,"output_tokens":2,"cached_tokens":5,"cost":0.01},"#
                + #""duration_ms":12}"#),
        EventExample(
            .agentCompleted(AgentCompleted(usage: TokenUsage(), durationMilliseconds: 12)),
            #"{"usage":{},"duration_ms":12}"#),
        EventExample(
            .agentFailed(
                AgentFailed(
                    error: RunFailure(code: "run.lost", message: "the process ended", retryable: true),
                    durationMilliseconds: 7)),
            #"{"error":{"code":"run.lost","message":"the process ended","retryable":true},"duration_ms":7}"#),
        EventExample(
            .agentFailed(
                AgentFailed(
                    error: RunFailure(code: "run.lost", message: "the process ended", retryable: true),
                    usage: TokenUsage(inputTokens: 10, other: ["cached_tokens": 5]), durationMilliseconds: 7)),
            #"{"error":{"code":"run.lost","message":"the process ended","retryable":true},"#
                + #""usage":{"input_tokens":10,"cached_tokens":5},"duration_ms":7}"#),
        EventExample(
            .agentFailed(
                AgentFailed(
                    error: RunFailure(
                        code: "run.lost", message: "the process ended", retryable: false, details: ["attempts": 3]),
                    durationMilliseconds: 7)),
            #"{"error":{"code":"run.lost","message":"the process ended","retryable":false,"details":{"attempts":3}},"#
                + #""duration_ms":7}"#),
        EventExample(.agentCancelled(AgentCancelled(durationMilliseconds: 7)), #"{"duration_ms":7}"#),
        EventExample(
            .agentCancelled(
                AgentCancelled(
                    reason: "enough", by: "u_1", usage: TokenUsage(outputTokens: 2), durationMilliseconds: 7)),
            #"{"reason":"enough","by":"u_1","usage":{"output_tokens":2},"duration_ms":7}"#),
        EventExample(
            .agentCancelled(AgentCancelled(reason: "enough", by: "u_1", durationMilliseconds: 7)),
            #"{"reason":"enough","by":"u_1","duration_ms":7}"#),
        EventExample(
            .userMessage(UserMessage(messageID: "m_0", userID: "u_1", text: "why?")),
            #"{"message_id":"m_0","user_id":"u_1","text":"why?"}"#),
        EventExample(
            .userMessage(UserMessage(messageID: "m_0", userID: "u_1", text: "why?", data: ["files": []])),
            #"{"message_id":"m_0","user_id":"u_1","text":"why?","data":{"files":[]}}"#),
        EventExample(
            .stateUpdated(StateUpdated(version: 1, key: "", change: .value(nil))),
            #"{"version":1,"key":"","value":null}"#),
        EventExample(
            .stateUpdated(StateUpdated(version: 9, key: "plan", change: .removed, expiresAt: time)),
            #"{"version":9,"key":"plan","removed":true,"expires_at":"2026-11-21T02:10:00.123Z"}"#),
        EventExample(.custom(CustomEvent(name: "x.y", value: 1.5)), #"{"name":"x.y","value":1.5}"#),
        EventExample(
            .custom(CustomEvent(name: "editor.undo", value: 2, by: "u_1")),
            #"{"name":"editor.undo","value":2,"by":"u_1"}"#),
    ]
}
