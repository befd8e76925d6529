// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func merged(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_merged") {
            .agentStarted(agent: "guide")
            .agentThinking(containing: "ab")
            .agentThinking(containing: "c")
            .message(containing: "def")
            .agentCompleted()
        }
    }
}
