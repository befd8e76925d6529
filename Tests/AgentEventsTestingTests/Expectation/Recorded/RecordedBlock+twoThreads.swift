// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func twoThreads(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_a") {
            .agentStarted(agent: "guide")
            .agentCompleted()
        }
        expectEvents(in: sink, thread: "t_b") {
            .agentStarted(agent: "guide")
            .message(containing: "b")
            .agentCompleted()
        }
    }
}
