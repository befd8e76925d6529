import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Logging
import ServiceLifecycle
import Testing

/// A service on a free port, for the length of a scope.
struct RunningService: Sendable {
    let runtime: AgentRuntime
    let client: RawHTTPClient
    /// For the listener for operators; `nil` without one.
    var operators: RawHTTPClient?
    /// For the listener for metrics; `nil` without one.
    var metrics: RawHTTPClient?
    /// Shuts the service down gracefully.
    let shutDown: @Sendable () async -> Void
}

extension RunningService {
    /// The events of a thread that are in the log.
    func loggedEvents(in thread: ThreadID) async throws -> [AgentEvent] {
        try await runtime.log.read(LogRead(.thread(thread, after: 0))).events.map { try EventDecoder.decode($0.bytes) }
    }
}

/// Starts the real service on a free port, unless told otherwise on a log whose events have the ids 1-1, 1-2, …, runs the body and shuts the service down gracefully.
func withRunningService<Result: Sendable>(
    log: any EventLog = InMemoryEventLog(generations: .counting),
    agents: [any ServedAgent] = [],
    authorizer: (any Authorizer)? = nil,
    authenticator: any Authenticator = NoAuthentication(),
    linkTokenSigner: (any LinkTokenSigner)? = nil,
    stuckAgents: AsyncStream<Int>.Continuation? = nil,
    lateResults: AsyncStream<LateResult>.Continuation? = nil,
    metrics: MetricsPage? = nil,
    runtime runtimeConfiguration: RuntimeConfiguration = RuntimeConfiguration(),
    extensions: [ServiceExtension] = [],
    configure: (inout ServiceConfiguration) -> Void = { _ in },
    _ body: (RunningService) async throws -> Result
) async throws -> Result {
    var configuration = ServiceConfiguration()
    configuration.port = 0
    // For what hangs, and not for what is slow.
    configuration.shutdownGrace = .seconds(600)
    configuration.handshakeTimeout = .seconds(300)
    configuration.authenticationTimeout = .seconds(300)
    configuration.listener.proxyHeaderTime = .seconds(300)
    // The clients of tests answer no pings while they wait for something else.
    configuration.heartbeatInterval = .seconds(300)
    configure(&configuration)
    let runtime = AgentRuntime(log: log, configuration: runtimeConfiguration)
    let (ports, found) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
    let (internalPorts, internalFound) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
    let (metricsPorts, metricsFound) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
    var logger = Logger(label: "test")
    logger.logLevel = .error
    let service = AgentEventsService(
        runtime: runtime, agents: agents, authorizer: authorizer, authenticator: authenticator,
        linkTokenSigner: linkTokenSigner, configuration: configuration, extensions: extensions, logger: logger,
        metrics: metrics,
        onInternalListening: { internalFound.yield($0) },
        onMetricsListening: { metricsFound.yield($0) },
        onListening: { port in
            // They were told before.
            internalFound.finish()
            metricsFound.finish()
            found.yield(port)
            found.finish()
        },
        onUnresponsiveAgents: { stuckAgents?.yield($0) }, onLateResult: { lateResults?.yield($0) })
    let services = ServiceGroup(services: [service], logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            // Whoever waits for the port is told when there will be none.
            defer {
                found.finish()
                internalFound.finish()
                metricsFound.finish()
            }
            try await services.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await group.waitForAll()
            throw CancellationError()
        }
        let running = RunningService(
            runtime: runtime, client: RawHTTPClient(port: port),
            operators: await internalPorts.first { _ in true }.map { RawHTTPClient(port: $0) },
            metrics: await metricsPorts.first { _ in true }.map { RawHTTPClient(port: $0) },
            shutDown: { await services.triggerGracefulShutdown() })
        let result: Result
        do {
            result = try await body(running)
        } catch {
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            throw error
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
        return result
    }
}
