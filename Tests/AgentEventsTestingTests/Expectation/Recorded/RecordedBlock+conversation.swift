// swift-format-ignore-file
import AgentEvents
import AgentEventsTesting
import Testing

extension RecordedBlock {
    static func conversation(_ sink: InMemorySink) {
        expectEvents(in: sink, thread: "t_conversation") {
            .userMessage(containing: "Hello", .includes(\.data, ["lang": "en"]))
            .agentStarted(agent: "guide", input: "Hello")
            .message(containing: "Hi!")
            .message(containing: "You are welcome to ask.", .equals(\.role, .system))
            .agentCompleted()
            .userMessage(containing: "What is the time?")
            .custom("opened", value: ["tab": 1])
            .agentStarted(agent: "guide")
            .anyOrder {
                .tool("clock", result: "12:00")
                .stateUpdated(key: "zone", .equals(\.change, .value(["offset": 2])))
            }
            .userMessage(containing: "Quickly!")
            .custom("cache", value: "miss")
            .anyOrder {
                .message(containing: "It is noon.")
                .stateUpdated(key: "zone", .equals(\.change, .removed))
            }
            .agentCompleted(result: "12:00")
        }
    }
}
