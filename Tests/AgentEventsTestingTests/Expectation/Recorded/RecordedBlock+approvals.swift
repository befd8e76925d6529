// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func approvals(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_approvals") {
            .agentStarted(agent: "guide")
            .tool("delete_file", arguments: ["path": "a.txt"]) {
                .approvalRequested(containing: "Delete a.txt?", .includes(\.schema, ["type": "object"]))
                .approvalResolved(.approved, .includes(\.data, ["sure": true]))
            }
            .agentPaused(.equals(\.reason, "lunch"))
            .agentResumed()
            .approvalRequested(containing: "And b.txt?")
            .agentThinking(containing: "I wait.")
            .approvalResolved(.denied)
            .tool("delete_file", arguments: ["path": "c.txt"], status: .cancelled) {
                .approvalRequested(containing: "Delete c.txt?")
                .agentPaused()
            }
            .agentResumed(.equals(\.reason, "back"))
            .approvalResolved(.expired)
            .agentCompleted()
        }
    }
}
