// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func callsAgain(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_callsAgain") {
            .agentStarted(agent: "guide")
            .anyOrder {
                .tool("search", arguments: ["q": "first"], result: 1) {
                    .toolProgress(.equals(\.fraction, 0.5))
                }
                .tool("read", arguments: ["file": "a"], result: "a")
            }
            .tool("delete", arguments: ["q": "second"], result: 2) {
                .approvalRequested(containing: "Delete it?")
                .approvalResolved(.approved)
                .run(agent: "finder") {
                    .tool("search", status: .failed)
                    .agentCompleted()
                }
            }
            .tool("search", arguments: ["q": "third"], result: 3) {
                .toolProgress(.equals(\.message, "again"))
            }
            .agentCompleted()
        }
    }
}
