import AgentEvents
import AgentEventsClient
import AgentEventsProtocol

/// An agent in a process of its own: a service offers it runs, and it answers them.
///
///     agent-events serve --in-memory
///     swift run example-worker ws://127.0.0.1:8080/v1/stream parrot
@main
struct WorkerExample {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3 else { preconditionFailure("example-worker URL AGENT [TOKEN]") }
        let client = StreamClient(
            url: try StreamURL(arguments[1]), token: arguments.count > 3 ? arguments[3] : nil)
        let worker = AgentWorker(client, capacity: 4)
        try await worker.run(agents: [try AgentName(arguments[2])]) { task in
            try await task.say("You said: \(task.text)")
            return nil
        }
    }
}
