// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func parallelTools(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_parallelTools") {
            .agentStarted(agent: "guide", input: ["question": "Which is newer?"])
            .agentThinking(containing: "Both of them.")
            .anyOrder {
                .tool("fetch", arguments: ["url": "a"], result: ["year": 2026]) {
                    .toolProgress(.equals(\.fraction, 1.0))
                }
                .sequence {
                    .tool("fetch", arguments: ["url": "b"], result: [1, 2]) {
                        .toolProgress(.equals(\.message, "half"), .equals(\.fraction, 0.5))
                    }
                    .tool("fetch", arguments: ["url": "c"])
                }
                .tool("clock", result: "noon")
            }
            .tool("compare", arguments: ["a": [1, 2], "b": .null], result: true) {
                .agentProgress(.equals(\.message, "comparing"), .equals(\.step, 1), .equals(\.total, 2))
            }
            .message(containing: "B is newer.")
            .agentCompleted(result: ["newer": "b"])
        }
    }
}
