import AgentEvents
import Testing

@testable import AgentEventsInterop

/// Each rule of the checker is broken once.
@Suite
struct AGUIVerifierTests {
    private static let started: JSONObject = [
        "type": "RUN_STARTED", "threadId": "t", "runId": "r", "protocolVersion": "1.0",
    ]
    private static let text: JSONObject = ["type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"]
    private static let call: JSONObject = ["type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "n"]
    private static let child: JSONObject = ["type": "SUBAGENT_STARTED", "subagentRunId": "s", "name": "n"]
    private static let finished: JSONObject = ["type": "RUN_FINISHED", "threadId": "t", "runId": "r"]
    private static let failed: JSONObject = ["type": "RUN_ERROR", "message": "no"]

    private static let broken: [(String, [JSONObject])] = [
        ("the first event is RUN_STARTED", [text]),
        ("RUN_STARTED in the middle", [started, started]),
        ("names no version", [["type": "RUN_STARTED", "threadId": "t", "runId": "r"]]),
        ("after RUN_FINISHED", [started, finished, text]),
        ("after RUN_ERROR", [started, failed, text]),
        ("after RUN_ERROR", [started, failed, failed]),
        ("is open already", [started, text, text]),
        ("is open already", [started, call, call]),
        (
            "is open already",
            [started, ["type": "REASONING_START", "messageId": "m"], ["type": "REASONING_START", "messageId": "m"]]
        ),
        ("is not open", [started, ["type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "a"]]),
        ("is not open", [started, ["type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "a"]]),
        ("is not open", [started, ["type": "TOOL_CALL_END", "toolCallId": "c"]]),
        ("is not open", [started, ["type": "STEP_FINISHED", "stepName": "s"]]),
        ("is not open", [started, ["type": "SUBAGENT_FINISHED", "subagentRunId": "s"]]),
        (
            "goes on that is not open",
            [started, ["type": "REASONING_MESSAGE_CONTENT", "messageId": "m", "delta": "a"]]
        ),
        ("is not empty", [started, text, ["type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": ""]]),
        ("another subagent", [started, text, ["type": "TEXT_MESSAGE_END", "messageId": "m", "subagentRunId": "s"]]),
        ("while m is open", [started, text, finished]),
        ("while c is open", [started, call, finished]),
        ("while s is open", [started, child, finished]),
        ("started before", [started, child, ["type": "SUBAGENT_FINISHED", "subagentRunId": "s"], child]),
        ("has a name", [started, ["type": "SUBAGENT_STARTED", "subagentRunId": "s"]]),
        (
            "parent of s is not open",
            [started, ["type": "SUBAGENT_STARTED", "subagentRunId": "s", "name": "n", "parentSubagentRunId": "p"]]
        ),
        (
            "is null",
            [["type": "RUN_STARTED", "threadId": "t", "runId": "r", "protocolVersion": "1.0", "parentRunId": .null]]
        ),
        (
            "no whole number",
            [started, ["type": "RUN_FINISHED", "threadId": "t", "runId": "r", "usage": [["inputTokens": 1.5]]]]
        ),
        ("has questions", [started, ["type": "RUN_FINISHED", "outcome": ["type": "interrupt", "interrupts": []]]]),
        ("is a text", [started, ["type": "TOOL_CALL_RESULT", "toolCallId": "c", "content": [:]]]),
    ]

    @Test(arguments: broken.indices)
    func eachRuleCanBeBroken(index: Int) {
        let (word, events) = Self.broken[index]
        #expect(Self.fault(events, .version1)?.contains(word) == true, "\(word)")
    }

    @Test
    func clientsBefore1KnowLess() {
        let started: JSONObject = ["type": "RUN_STARTED", "threadId": "t", "runId": "r"]
        #expect(Self.fault([started, Self.child], .version0)?.contains("is unknown before 1.0") == true)
        let cancelled: JSONObject = ["type": "RUN_FINISHED", "outcome": ["type": "cancelled"]]
        #expect(Self.fault([started, cancelled], .version0)?.contains("is unknown before 1.0") == true)
        #expect(Self.fault([started, Self.finished], .version0) == nil)
    }

    private static func fault(_ events: [JSONObject], _ dialect: AGUIDialect) -> String? {
        var verifier = AGUIVerifier(dialect)
        do {
            for event in events { try verifier.check(event) }
            return nil
        } catch {
            return "\(error)"
        }
    }
}
