// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func childRuns(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_childRuns") {
            .agentStarted(agent: "planner", input: "Plan a trip.")
            .tool("delegate", arguments: ["to": "finder"], result: ["Rome"]) {
                .run(agent: "finder", input: ["city": "Rome"]) {
                    .agentThinking(containing: "Where?")
                    .tool("search", arguments: ["q": "Rome"]) {
                        .run(agent: "reader") {
                            .agentCompleted(result: 1)
                        }
                    }
                    .agentCompleted(result: ["Rome"])
                }
            }
            .anyOrder {
                .run(agent: "walker") {
                    .agentThinking(containing: "On foot.")
                    .agentFailed(code: "feet.tired")
                }
                .run(agent: "driver") {
                    .agentThinking(containing: "By car.")
                    .agentCompleted()
                }
                .agentThinking(containing: "While they are away.")
            }
            .run(agent: "walker", input: "again") {
                .agentCancelled(reason: "late")
            }
            .agentCompleted(result: "Rome")
        }
    }
}
