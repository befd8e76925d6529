// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func queued(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_queued") {
            .userMessage(containing: "Where is the parser?")
            .agentStarted(agent: "guide")
            .userMessage(containing: "And the lexer?")
            .inputTaken()
            .usageReported(model: "small", .equals(\.inputTokens, 10), .equals(\.outputTokens, 2))
            .agentCompleted()
            .agentQueued(agent: "guide", input: ["q": "again"], .equals(\.attempt, 2))
            .agentStarted(agent: "guide", input: ["q": "again"])
            .agentCompleted()
            .agentQueued(agent: "guide")
            .agentCancelled(reason: "stopped")
        }
    }
}
