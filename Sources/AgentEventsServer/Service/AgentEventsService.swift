public import AgentEvents
public import AgentEventsHub
import Hummingbird
import HummingbirdCore
import NIOPosix
public import Logging
public import ServiceLifecycle

/// The service: a hub with a server of its own, for events over WebSocket and HTTP, and agents that people can talk to.
///
/// It runs the hub and the server together. When it is shut down gracefully it takes nothing new, tells
/// its clients when to come back, gives the agents time to end, and programs outside to emit what they have, ends the runs
/// of its agents that are open after that, closes the connections, and stops the runtime last; all within ``ServiceConfiguration/shutdownGrace``.
///
/// ```swift
/// let service = AgentEventsService(runtime: AgentRuntime(log: log), agents: [Guide()], logger: logger)
/// try await ServiceGroup(
///     services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
/// ).run()
/// ```
public struct AgentEventsService: Service {
    private let hub: AgentEventsHub
    private let configuration: ServiceConfiguration
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) -> Void

    /// - Parameters:
    ///   - runtime: makes and commits the events. The service runs it; nobody else does.
    ///   - agents: those that `POST /v1/threads/{t}/messages` can start; the first one answers when none is named.
    ///   - authorizer: says what a principal may do in a thread. Default: a thread is its user's, and that of its members and
    ///     of those whose credentials name it.
    ///   - linkTokenSigner: signs the tokens of share links, which the authenticator accepts. Default: none, and there are no
    ///     share links.
    ///   - authenticator: authenticates requests. `NoAuthentication` is refused on any address but loopback.
    ///   - onListening: called once with the port when the service takes requests.
    ///   - onUnresponsiveAgents: called at the end of a shutdown when agents ignore the cancellation of their tasks: their runs
    ///     are ended, the connections closed and the log is complete, but ``run()`` returns only when these agents do. A
    ///     process that does not want to wait for them exits here.
    public init(
        runtime: AgentRuntime,
        agents: [any ServedAgent] = [],
        authorizer: (any Authorizer)? = nil,
        authenticator: any Authenticator = NoAuthentication(),
        linkTokenSigner: (any LinkTokenSigner)? = nil,
        configuration: ServiceConfiguration = ServiceConfiguration(),
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        onUnresponsiveAgents: @escaping @Sendable (_ count: Int) -> Void = { _ in },
        onLateResult: @escaping @Sendable (LateResult) -> Void = { _ in }
    ) {
        hub = AgentEventsHub(
            runtime: runtime, agents: agents, authorizer: authorizer, authenticator: authenticator,
            linkTokenSigner: linkTokenSigner, configuration: configuration.hub, logger: logger,
            onUnresponsiveAgents: onUnresponsiveAgents,
            onLateResult: onLateResult)
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// Runs the service until it is shut down gracefully, or its task is cancelled. Call it once.
    ///
    /// - Throws: ``ServiceError`` when it cannot listen, `AgentEventsError` when the log cannot be opened or fails.
    public func run() async throws {
        try AccessPolicy.validate(host: configuration.host, authenticator: hub.authenticator)
        try hub.checkOrigins()
        guard (0...65535).contains(configuration.port) else {
            throw ServiceError(.portInvalid, "a port is a number from 0 to 65535, and not \(configuration.port)")
        }
        try await hub.run { try await serve() }
    }

    /// Listens until the hub closes the connections.
    private func serve() async throws {
        do {
            try await ServiceGroup(
                configuration: .init(
                    services: [
                        .init(service: application()),
                        .init(service: hub.closing, successTerminationBehavior: .ignore),
                    ], logger: logger)
            ).run()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ServiceError(listeningOn: configuration.host, port: configuration.port, error) ?? error
        }
    }

    private func application() -> some ApplicationProtocol {
        let router = Router(options: .autoGenerateHeadEndpoints)
        let interface = HTTPInterface<BasicRequestContext>(hub: hub)
        interface.addMiddleware(to: router)
        interface.addHealthRoutes(to: router)
        interface.addRoutes(to: router.group("v1"))
        var http = HTTP1Channel.Configuration(idleTimeout: .seconds(60))
        http.httpDecoder = .init(
            maxHeaderFieldSize: HTTPLimits.fieldByteCount, maxHeaderListSize: HTTPLimits.headByteCount,
            maxHeaderFieldCount: HTTPLimits.fieldCount)
        var application = Application(
            router: router,
            server: .http1(configuration: http, agentEvents: hub),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                // The kernel takes its own limit for it, where that is less.
                backlog: Int(UInt16.max),
                availableConnectionsDelegate: configuration.maximumConnections.map {
                    MaximumAvailableConnections(max(1, $0), logger: logger)
                }
            ),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? configuration.port
                hub.readiness.start()
                logger.info(
                    "service listening", metadata: ["service.host": "\(configuration.host)", "service.port": "\(port)"])
                onListening(port)
            },
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
            logger: logger
        )
        application.beforeServerStarts { [runtime = hub.runtime] in try await runtime.waitForStart() }
        return application
    }
}
