internal import AgentEvents
internal import AgentEventsInterop
internal import AgentEventsServer
internal import ArgumentParser
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// The server that the suites of Engine.IO and Socket.IO ask for, on this machine only: it says what it is told, and keeps nothing.
struct ConformanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket-io-conformance", abstract: "Serve what the suites of Engine.IO and Socket.IO ask for.",
        shouldDisplay: false)

    @Option(help: ArgumentHelp("The port to listen on; 0 for any that is free.", valueName: "port"))
    var port = 0

    func run() async throws {
        var configuration = ServiceConfiguration()
        configuration.port = port
        // The suites have pages of their own.
        configuration.allowedOrigins = ["https://example.com"]
        let logger = Logger(label: "agent-events")
        let service = AgentEventsService(
            runtime: AgentRuntime(log: InMemoryEventLog()), configuration: configuration,
            extensions: [.socketIOConformance()], logger: logger,
            onListening: { [host = configuration.host] port in
                try? StandardOutput.write("listening on http://\(host):\(port)")
            })
        try await ServiceGroup(services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
    }
}
