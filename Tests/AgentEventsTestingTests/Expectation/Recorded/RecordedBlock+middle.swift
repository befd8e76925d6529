// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func middle(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_middle") {
            .anyOrder {
                .sequence {
                    .toolProgress()
                    .message(containing: "Half way.")
                    .toolCompleted("slow", status: .succeeded)
                    .agentCompleted()
                }
                .agentCompleted()
            }
        }
    }
}
