// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func values(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_values") {
            .agentStarted(agent: "a", input: .null)
            .custom(
                "numbers",
                value: [0, -1, 9223372036854775807, .integer(18446744073709551615 as UInt64), -9223372036854775808, 0.5, -2.25, true, .null, "1", [], [:]]
            )
            .custom("odd", value: try? JSONValue(parsing: Array("[-0,1.0,1E5,184467440737095516160,1e400,0.10]".utf8)))
            .custom("half", value: try? JSONValue(parsing: Array("{\"a\\\"b\":\"\\ud83d\"}".utf8)))
            .custom("large", value: 1e+20)
            .tool("load", arguments: ["short": 1, "also": ["deep": [["er": [[]]]]]])
            .stateUpdated(key: "k")
            .message(containing: "A long one. A long one. A long one. A long one. A long one. A long one. A long o")
            .agentCompleted()
        }
    }
}
