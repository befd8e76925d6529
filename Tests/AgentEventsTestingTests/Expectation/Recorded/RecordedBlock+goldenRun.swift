// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func goldenRun(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_1") {
            .agentStarted(agent: "guide", input: "Where?")
            .agentThinking(containing: "Hm.")
            .tool("search", arguments: ["q": "x"], result: 2) {
                .toolProgress(.equals(\.message, "half"), .equals(\.fraction, 0.5))
            }
            .message(containing: "There.")
            .agentCompleted(result: ["line": 2])
            .agentStarted(agent: "reader")
            .agentCancelled(reason: "the agent's task was cancelled")
        }
    }
}
