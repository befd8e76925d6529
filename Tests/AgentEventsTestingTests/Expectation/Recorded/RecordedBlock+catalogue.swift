// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func catalogue(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_catalogue") {
            .agentCancelled(reason: "The user pressed \"stop\".")
            .agentCancelled()
            .agentCompleted(result: ["file": "Sources/a.swift", "line": 42, "ratio": 0.1])
            .agentCompleted()
            .agentFailed(code: "run.lost")
            .agentPaused(.equals(\.reason, "Coffee ☕️"))
            .agentPaused()
            .agentProgress(.equals(\.message, "Reading"), .equals(\.fraction, 0.25), .equals(\.step, 1), .equals(\.total, 4))
            .agentProgress()
            .agentResumed(.equals(\.reason, "Back."))
            .agentResumed()
            .agentStarted(
                agent: "guide",
                input: ["question": "Which files mention \"backpressure\"?\nAnd why? 🧭", "limit": 9223372036854775807]
            )
            .agentCompleted()
            .agentStarted(agent: "guide")
            .agentCompleted()
            .agentThinking(containing: "Two words: \"flow\" and C:\\log — 流量 🤔")
            .agentThinking(containing: "First this,\tthen that.")
            .approvalRequested(
                containing: "Delete \"notes.txt\"? ⚠️",
                .includes(\.schema, ["type": "object", "properties": ["comment": ["type": "string"]]])
            )
            .approvalRequested(containing: "Go on?")
            .approvalResolved(.approved, .includes(\.data, ["comment": "Fine."]))
            .approvalResolved(.expired)
            .custom(
                "com.example.metric",
                value: try? JSONValue(parsing: Array("{\"half\":\"\\ud83d\",\"text\":\"\\ud83dx\\udc00\",\"control\":\"\\u0001\\u001f\",\"escapes\":\"\\\"\\\\\\b\\f\\n\\r\\t/\",\"largest\":9223372036854775807,\"smallest\":-9223372036854775808,\"tenth\":0.1,\"beyond\":1e400,\"\":null}".utf8))
            )
            .custom("note", value: try? JSONValue(parsing: Array("\"\\ud83d\"".utf8)))
            .message(containing: "Found 3 files.\n\n- `a/b.swift`\u{1}\u{8}\u{C}")
            .messageDelta(containing: "Found 3 files. \r\n👩‍🚀")
            .messageDelta(containing: "Found 3 files. They are…")
            .stateUpdated(key: "plan", .equals(\.change, .value(["steps": ["read", "answer"], "budget": 0.1])))
            .stateUpdated(key: "plan", .equals(\.change, .value(.null)))
            .stateUpdated(key: "plan", .equals(\.change, .removed))
            .toolCompleted(
                "search_files",
                status: .failed,
                result: try? JSONValue(parsing: Array("{\"matches\":[{\"file\":\"日本語.txt\",\"line\":18446744073709551615,\"score\":0.10}],\"largest\":1E+400}".utf8))
            )
            .toolCompleted("search_files", status: .timedOut)
            .toolExecuting(
                "search_files",
                arguments: try? JSONValue(parsing: Array("{\"query\":\"naïve \\\"quotes\\\" \\\\ 🔍\",\"limit\":9223372036854775807,\"threshold\":0.1,\"ceiling\":1e400,\"floor\":-0.0,\"exact\":true,\"after\":null,\"folders\":[\"Sources\",[],{}]}".utf8))
            )
            .toolExecuting("search_files", arguments: .null)
            .toolProgress(.equals(\.message, "120 of 480 files"), .equals(\.fraction, 0.25))
            .toolProgress()
            .userMessage(
                containing: "Which files mention \"backpressure\"? 🧭",
                .includes(\.data, ["attachments": [["name": "plan.txt", "bytes": 12]]])
            )
            .userMessage()
            .event("agent_dreaming", where: { $0.typeName == "agent_dreaming" })
        }
    }
}
