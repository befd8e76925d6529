// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func interleaved(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_interleaved") {
            .anyOrder {
                .sequence {
                    .run(agent: "first") {
                        .agentThinking(containing: "One, three.")
                        .agentCompleted()
                    }
                    .run(agent: "third") {
                        .agentCompleted()
                    }
                }
                .run(agent: "second") {
                    .agentThinking(containing: "Two, ")
                    .anyOrder {
                        .message(containing: "Say it.")
                        .sequence {
                            .tool("look")
                            .agentProgress(.equals(\.fraction, 0.25))
                        }
                        .agentThinking(containing: "Inside.")
                    }
                    .agentCompleted()
                }
                .custom("between", value: 1)
            }
            .agentStarted(agent: "fourth")
            .agentCompleted()
        }
    }
}
