// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func failures(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_failures") {
            .agentStarted(agent: "guide")
            .tool("read_file", arguments: ["path": "a.txt"], status: .failed)
            .tool("read_file", arguments: ["path": "b.txt"], status: .timedOut)
            .tool("delete", status: .denied)
            .tool("search", arguments: ["q": 1], status: .cancelled) {
                .anyOrder {
                    .message(containing: "It is ")
                    .sequence {
                        .approvalRequested(containing: "Go on?")
                        .approvalResolved(.expired)
                    }
                }
            }
            .agentFailed(code: "model.overloaded")
            .agentStarted(agent: "guide")
            .tool("search", arguments: ["q": 2], status: .cancelled)
            .agentCancelled(reason: "the user left")
            .agentStarted(agent: "guide")
            .agentCancelled()
        }
    }
}
