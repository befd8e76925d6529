import AgentEvents
import Testing

/// What a draft may leave out, or write in another way, since nothing is lost by it.
@Suite struct KindDraftTests {
    private func decode(_ text: String) throws -> EventDraft {
        try EventDecoder.decodeDraft(JSONValue(parsing: Array(text.utf8)), path: "$", thread: "t_7")
    }

    private func decode(_ type: EventType, _ data: String) throws -> EventDraft {
        let agent = type == .agentStarted ? #","agent":"guide""# : ""
        let run = type.belongsToThread ? "" : #","run_id":"r_1""# + agent
        return try decode(#"{"type":"\#(type.rawValue)"\#(run),"data":\#(data)}"#)
    }

    struct Kind: Sendable, CustomTestStringConvertible {
        var type: EventType
        var data: String
        var payload: EventPayload
        var testDescription: String { "\(type.rawValue) \(data)" }

        init(_ type: EventType, _ data: String, _ payload: EventPayload) {
            self.type = type
            self.data = data
            self.payload = payload
        }
    }

    static let failure = RunFailure(code: "error", message: "boom", retryable: false)

    @Test(arguments: [
        Kind(
            .agentStarted, #"{"input":null,"parent_run_id":null,"parent_call_id":null}"#, .agentStarted(AgentStarted())),
        Kind(
            .agentProgress, #"{"message":null,"fraction":null,"step":2.0,"total":1.0e1}"#,
            .agentProgress(AgentProgress(step: 2, total: 10))),
        Kind(
            .toolExecuting, #"{"call_id":"c_1","tool":"search"}"#,
            .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: [:]))),
        Kind(
            .toolExecuting, #"{"call_id":"c_1","tool":"search","arguments":null,"purpose":null}"#,
            .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: [:]))),
        // What providers stream as a text stays one: it may not be whole JSON.
        Kind(
            .toolExecuting, #"{"call_id":"c_1","tool":"search","arguments":""}"#,
            .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: ""))),
        Kind(
            .toolExecuting, #"{"call_id":"c_1","tool":"search","arguments":"{\"q\":1}"}"#,
            .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: #"{"q":1}"#))),
        Kind(
            .toolProgress, #"{"call_id":"c_1","message":null,"fraction":1.0}"#,
            .toolProgress(ToolProgress(callID: "c_1", fraction: 1))),
        Kind(
            .toolCompleted,
            #"{"call_id":"c_1","tool":"search","status":"succeeded","result":null,"error":null,"duration_ms":12.0}"#,
            .toolCompleted(ToolCompleted(callID: "c_1", tool: "search", status: .succeeded, durationMilliseconds: 12))),
        Kind(
            .toolCompleted,
            #"{"call_id":"c_1","tool":"search","status":"failed","error":{"code":null,"message":"x"},"duration_ms":1e3}"#,
            .toolCompleted(
                ToolCompleted(
                    callID: "c_1", tool: "search", status: .failed, error: ToolFailure(code: "error", message: "x"),
                    durationMilliseconds: 1000))),
        Kind(
            .approvalRequested,
            #"{"approval_id":"a_1","call_id":null,"prompt":"?","schema":null,"expires_at":null}"#,
            .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "?"))),
        Kind(
            .approvalResolved, #"{"approval_id":"a_1","decision":"denied","by":null,"data":null}"#,
            .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .denied))),
        Kind(.agentPaused, #"{"by":null,"reason":null,"handed_over":false}"#, .agentPaused(AgentPaused())),
        Kind(
            .agentCompleted, #"{"result":null,"usage":{"input_tokens":null,"output_tokens":7.0},"duration_ms":0.0}"#,
            .agentCompleted(AgentCompleted(usage: TokenUsage(outputTokens: 7), durationMilliseconds: 0))),
        Kind(
            .agentCompleted, #"{"usage":{"input_tokens":null,"details":{"cached":null}},"duration_ms":-0.0}"#,
            .agentCompleted(
                AgentCompleted(usage: TokenUsage(other: ["details": ["cached": nil]]), durationMilliseconds: 0))),
        Kind(
            .agentCompleted, #"{"usage":null,"duration_ms":12e-0}"#,
            .agentCompleted(AgentCompleted(durationMilliseconds: 12))),
        Kind(
            .agentFailed, #"{"error":{"message":"boom"},"duration_ms":1}"#,
            .agentFailed(AgentFailed(error: failure, durationMilliseconds: 1))),
        Kind(
            .agentFailed, #"{"error":{"code":null,"message":"boom","retryable":null},"duration_ms":1}"#,
            .agentFailed(AgentFailed(error: failure, durationMilliseconds: 1))),
        Kind(
            .agentFailed, #"{"error":{"code":"a","message":"cut \ud83d","retryable":true},"duration_ms":1}"#,
            .agentFailed(
                AgentFailed(
                    error: RunFailure(code: "a", message: "cut \u{FFFD}", retryable: true), durationMilliseconds: 1))),
        Kind(
            .agentCancelled, #"{"reason":null,"by":null,"duration_ms":1}"#,
            .agentCancelled(AgentCancelled(durationMilliseconds: 1))),
        Kind(
            .userMessage, #"{"message_id":"m_1","user_id":"u_1","text":"\udc00\ud83d","data":null}"#,
            .userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "\u{FFFD}\u{FFFD}"))),
        Kind(
            .stateUpdated, #"{"version":3.0,"key":"k","value":null,"removed":true,"expires_at":null}"#,
            .stateUpdated(StateUpdated(version: 3, key: "k", change: .removed))),
        Kind(
            .stateUpdated, #"{"version":3,"key":"k","value":1,"removed":false}"#,
            .stateUpdated(StateUpdated(version: 3, key: "k", change: .value(1)))),
        // `null` is a value like any other where any is asked for.
        Kind(
            .stateUpdated, #"{"version":3,"key":"k","value":null,"removed":null}"#,
            .stateUpdated(StateUpdated(version: 3, key: "k", change: .value(nil)))),
        Kind(.custom, #"{"name":"n","value":null}"#, .custom(CustomEvent(name: "n", value: nil))),
    ])
    func nothingIsLost(_ kind: Kind) throws {
        let draft = try decode(kind.type, kind.data)
        #expect(draft.payload == kind.payload)
        #expect(!draft.isDurationMeasured)
    }

    @Test(
        arguments: [
            (.toolCompleted, #"{"call_id":"c_1","tool":"search","status":"succeeded"}"#),
            (.toolCompleted, #"{"call_id":"c_1","tool":"search","status":"succeeded","duration_ms":null}"#),
            (.agentCompleted, "{}"), (.agentCompleted, #"{"duration_ms":null}"#),
            (.agentFailed, #"{"error":{"message":"boom"}}"#), (.agentCancelled, "{}"), (.agentCancelled, "null"),
        ] as [(EventType, String)])
    func aMissingDurationIsMeasured(_ type: EventType, _ data: String) throws {
        #expect(try decode(type, data).isDurationMeasured)
    }

    @Test(
        arguments: [.agentStarted, .agentProgress, .agentPaused, .agentResumed, .agentCompleted, .agentCancelled]
            as [EventType])
    func dataMayBeMissingWhereNoMemberIsNeeded(_ type: EventType) throws {
        let head = #"{"type":"\#(type.rawValue)","run_id":"r_1","agent":"guide""#
        #expect(try decode(head + "}") == decode(head + #","data":{}}"#))
        #expect(try decode(head + #","data":null}"#) == decode(head + #","data":{}}"#))
    }

    @Test func aWriterOfAllMembersIsUnderstood() throws {
        let draft = try decode(
            #"{"type":"agent_paused","id":null,"seq":null,"from_seq":null,"thread_id":null,"run_id":"r","agent":null,"#
                + #""time":null,"data":{}}"#)
        #expect(draft == EventDraft(runID: "r", .agentPaused(AgentPaused())))
        let custom = try decode(#"{"type":"custom","run_id":null,"agent":null,"data":{"name":"n","value":1}}"#)
        #expect(custom == EventDraft(.custom(CustomEvent(name: "n", value: 1))))
    }

    struct Strict: Sendable, CustomTestStringConvertible {
        var text: String
        var code: WireError.Code
        var path: String
        var problem: String
        var testDescription: String { text }
    }

    /// What would lose something, or make something up, is refused.
    @Test(arguments: [
        Strict(
            text: #"{"type":"agent_completed","run_id":"r","data":{"duration_ms":12.5}}"#, code: .invalidValue,
            path: "$.data.duration_ms", problem: "duration_ms must be a whole number, it is 12.5"),
        Strict(
            text: #"{"type":"agent_completed","run_id":"r","data":{"duration_ms":1e-99999999999999999999}}"#,
            code: .invalidValue, path: "$.data.duration_ms",
            problem: "duration_ms must be a whole number, it is 1e-99999999999999999999"),
        Strict(
            text: #"{"type":"agent_completed","run_id":"r","data":{"duration_ms":1e99999999999999999999}}"#,
            code: .numberRange, path: "$.data.duration_ms",
            problem: "duration_ms is out of range, it is 1e99999999999999999999"),
        Strict(
            text: #"{"type":"agent_completed","run_id":"r","data":{"duration_ms":9223372036854775808.0}}"#,
            code: .numberRange, path: "$.data.duration_ms",
            problem: "duration_ms is out of range, it is 9223372036854775808.0"),
        Strict(
            text: #"{"type":"agent_completed","run_id":"r","data":{"duration_ms":"12"}}"#, code: .wrongType,
            path: "$.data.duration_ms", problem: "a whole number is expected here, there is a string"),
        Strict(
            text: #"{"type":"agent_failed","run_id":"r","data":{"error":null}}"#, code: .wrongType,
            path: "$.data.error", problem: "an object is expected here, there is null"),
        Strict(
            text: #"{"type":"agent_failed","run_id":"r","data":{"error":{"code":"c"}}}"#, code: .missingField,
            path: "$.data.error.message", problem: "the member message is missing"),
        Strict(
            text: #"{"type":"agent_cancelled","run_id":"r","data":{"resaon":null}}"#, code: .unknownField,
            path: "$.data.resaon",
            problem: "agent_cancelled has no member \"resaon\"; reason is probably meant. "
                + "Its members are: reason, by, superseded_by, discarded, usage, duration_ms; use a custom event for data of your own"
        ),
        Strict(
            text: #"{"type":"agent_thinking","run_id":"r"}"#, code: .missingField, path: "$.data",
            problem: "the member data is missing"),
        Strict(
            text: #"{"type":"agent_thinking","run_id":null,"data":{"thought_id":"t","text":""}}"#, code: .missingField,
            path: "$.run_id", problem: "agent_thinking belongs to a run, run_id is missing"),
        Strict(
            text: #"{"type":"custom","data":{"name":"n"}}"#, code: .missingField, path: "$.data.value",
            problem: "the member value is missing"),
        Strict(
            text: #"{"type":"state_updated","data":{"version":1,"key":"k","removed":false}}"#, code: .invalidValue,
            path: "$.data.removed", problem: "removed is true, or is left out"),
        Strict(
            text: #"{"type":"tool_executing","run_id":"r","data":{"call_id":"\ud83d","tool":"t"}}"#,
            code: .loneSurrogate, path: "$.data.call_id",
            problem: "call_id has half of a surrogate pair, which is no character"),
    ])
    func theRestIsRefused(_ strict: Strict) throws {
        let error = #expect(throws: WireError.self) { try decode(strict.text) }
        #expect(error?.code == strict.code)
        #expect(error?.path == strict.path)
        #expect(error?.problem == strict.problem)
    }

    @Test func anEventOfOtherProgramsIsReadWhereNothingIsMissing() throws {
        let text =
            #"{"type":"agent_completed","id":"1-2","seq":2.0,"from_seq":null,"thread_id":"t","run_id":"r","agent":"a","#
            + #""time":"2026-01-01T00:00:00.000Z","data":{"usage":{"input_tokens":null,"output_tokens":3e0},"#
            + #""duration_ms":12.0}}"#
        let event = try EventDecoder.decode(Array(text.utf8))
        #expect(event.sequence == 2)
        #expect(
            event.payload
                == .agentCompleted(AgentCompleted(usage: TokenUsage(outputTokens: 3), durationMilliseconds: 12)))
        let written = String(decoding: try EventEncoder.encode(event), as: UTF8.self)
        #expect(written.hasSuffix(#""data":{"usage":{"output_tokens":3},"duration_ms":12}}"#))
    }
}
