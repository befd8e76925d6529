import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Foundation
import Hummingbird
import HummingbirdCore
import Logging

/// An application with three routes and a context of its own, and a hub mounted beside them, on the same port.
///
///     swift run example-hummingbird --port 8080
@main
struct HummingbirdExample {
    static func main() async throws {
        let logger = Logger(label: "example-hummingbird")
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), agents: [Echo()], logger: logger)

        let router = Router(context: AppContext.self)
        router.get("/") { _, _ in "a chat\n" }
        router.get("greetings/:name") { _, context in "\(context.greeting), \(try context.parameters.require("name"))\n"
        }
        router.post("numbers") { request, _ in "\(try await request.body.collect(upTo: 1024).readableBytes)\n" }
        router.group("v1").addAgentEvents(hub)

        var application = Application(
            router: router,
            server: .http1(agentEvents: hub),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port())),
            onServerRunning: { channel in
                print("listening on http://127.0.0.1:\(channel.localAddress?.port ?? 0)")
                // Flushed, because the reader may be at the other end of a pipe.
                fflush(nil)
            },
            logger: logger
        )
        application.addServices(hub)
        try await application.runService()
    }

    /// The value of `--port`; 8080 without it.
    private static func port() -> Int {
        let arguments = CommandLine.arguments
        guard let index = arguments.firstIndex(of: "--port"), index + 1 < arguments.count else { return 8080 }
        guard let port = Int(arguments[index + 1]) else { preconditionFailure("a port is a number") }
        return port
    }
}

/// The context of a request in this application.
struct AppContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let greeting = "hello"

    init(source: ApplicationRequestContextSource) { coreContext = CoreRequestContextStorage(source: source) }
}

/// Says again what was said.
struct Echo: ServedAgent {
    let name: AgentName = "echo"

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        try await run.say(prompt.text)
        return nil
    }
}
