public import AgentEvents
public import AgentEventsHub
import AgentEventsProtocol
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
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
    /// `nil` when there is none.
    private let internalListener: InternalListener?
    /// `nil` when there is none.
    private let metricsListener: InternalListener?
    private let metrics = EntryMetrics()
    private let admissions: ConnectionAdmissions
    private let extensions: [ServiceExtension]

    /// - Parameters:
    ///   - runtime: makes and commits the events. The service runs it; nobody else does.
    ///   - agents: those that `POST /v1/threads/{t}/messages` can start; the first one answers when none is named.
    ///   - authorizer: says what a principal may do in a thread. Default: a thread is its user's, and that of its members and
    ///     of those whose credentials name it.
    ///   - linkTokenSigner: signs the tokens of share links, which the authenticator accepts. Default: none, and there are no
    ///     share links.
    ///   - authenticator: authenticates requests. `NoAuthentication` is refused on any address but loopback.
    ///   - schedules: those of the application; users make others over HTTP. Default: none.
    ///   - extensions: the protocols of others that it speaks beside its own, such as those of `AgentEventsInterop`. Default: none.
    ///   - metrics: what `GET /metrics` answers on the internal listener, and on that for metrics; `nil` when there are none.
    ///   - onInternalListening: called once with the port of the internal listener, before `onListening`.
    ///   - onMetricsListening: called once with the port of the listener for metrics, before `onListening`.
    ///   - onListening: called once with the port when the service takes requests; 0 for a unix socket.
    ///   - onUnresponsiveAgents: called at the end of a shutdown when agents ignore the cancellation of their tasks: their runs
    ///     are ended, the connections closed and the log is complete, but ``run()`` returns only when these agents do. A
    ///     process that does not want to wait for them exits here.
    public init(
        runtime: AgentRuntime,
        agents: [any ServedAgent] = [],
        authorizer: (any Authorizer)? = nil,
        authenticator: any Authenticator = NoAuthentication(),
        linkTokenSigner: (any LinkTokenSigner)? = nil,
        schedules: [Schedule] = [],
        configuration: ServiceConfiguration = ServiceConfiguration(),
        extensions: [ServiceExtension] = [],
        logger: Logger,
        metrics: MetricsPage? = nil,
        onInternalListening: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        onMetricsListening: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        onUnresponsiveAgents: @escaping @Sendable (_ count: Int) -> Void = { _ in },
        onLateResult: @escaping @Sendable (LateResult) -> Void = { _ in }
    ) {
        let hub = AgentEventsHub(
            runtime: runtime, agents: agents, authorizer: authorizer, authenticator: authenticator,
            linkTokenSigner: linkTokenSigner, schedules: schedules, configuration: configuration.hub, logger: logger,
            onUnresponsiveAgents: onUnresponsiveAgents,
            onLateResult: onLateResult)
        self.hub = hub
        internalListener = configuration.internalAddress.map {
            InternalListener(
                hub: hub, address: $0, metrics: metrics, offer: .everything(backupFolder: configuration.backupFolder),
                logger: logger, onListening: onInternalListening)
        }
        metricsListener = configuration.metricsAddress.map {
            InternalListener(
                hub: hub, address: $0, metrics: metrics, offer: .metrics, logger: logger,
                onListening: onMetricsListening)
        }
        admissions = ConnectionAdmissions(
            hub.usage, maximumCount: configuration.maximumConnections.map { max(1, $0) },
            needsCredentials: hub.authenticator.needsCredentials)
        self.extensions = extensions
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// The schedules by which agents are started: further ones can be kept while the service runs.
    public var schedules: Schedules { hub.schedules }

    /// Has other settings count from now on, of those that can change while the service runs: ``ServiceConfiguration/limits``,
    /// ``ServiceConfiguration/maximumConnections`` and ``ServiceConfiguration/allowedOrigins``. Connections that are open stay, with
    /// the rates that they began with.
    ///
    /// - Parameter configuration: its other settings are not looked at.
    /// - Returns: what does it. Nothing has changed before it is called.
    /// - Throws: ``ServiceError`` `server.origin_invalid`.
    public func prepareChange(
        to configuration: ServiceConfiguration
    ) throws(ServiceError) -> @Sendable () -> Void {
        let changeOrigins = try hub.prepareAllowedOrigins(configuration.allowedOrigins)
        return { [hub, admissions] in
            changeOrigins()
            hub.replaceLimits(by: configuration.limits)
            admissions.replace(
                maximumCount: configuration.maximumConnections.map { max(1, $0) }, hub.usage.configuration)
        }
    }

    /// Runs the service until it is shut down gracefully, or its task is cancelled. Call it once.
    ///
    /// - Throws: ``ServiceError`` when it cannot listen, `AgentEventsError` when the log cannot be opened or fails, `ScheduleError`
    ///   when a schedule of the application is in a zone that is not known on this machine.
    public func run() async throws {
        try configuration.listener.check()
        // A unix socket has its permissions instead.
        if configuration.listener.unixSocket == nil {
            try AccessPolicy.validate(host: configuration.host, authenticator: hub.authenticator)
        }
        try hub.checkOrigins()
        if let address = configuration.internalAddress { try AccessPolicy.validate(internalHost: address.host) }
        let ports = [
            configuration.port, configuration.internalAddress?.port ?? 0, configuration.metricsAddress?.port ?? 0,
        ]
        for port in ports where !(0...65535).contains(port) {
            throw ServiceError(.portInvalid, "a port is a number from 0 to 65535, and not \(port)")
        }
        try await hub.run {
            try await serve()
        } until: {
            try await gracefulShutdown()
            try await leave()
        }
    }

    /// Says for a while that the service is not ready, and takes requests all the same.
    private func leave() async throws {
        guard configuration.drainDelay > .zero else { return }
        hub.readiness.drain()
        logger.info("service not ready, stopping soon", metadata: ["drain.delay": "\(configuration.drainDelay)"])
        try await hub.runtime.environment.sleep(configuration.drainDelay)
    }

    /// Listens until the hub closes the connections.
    private func serve() async throws {
        let socket = configuration.listener.unixSocket.map(UnixSocketFile.init)
        defer { socket?.remove() }
        do {
            try await socket?.prepare()
            try await ServiceGroup(
                configuration: .init(
                    // Those that come first stop last.
                    services: [internalListener, metricsListener].compactMap { $0 }.map { .init(service: $0) } + [
                        .init(service: try listener(socket)),
                        .init(service: hub.closing, successTerminationBehavior: .ignore),
                    ], logger: logger)
            ).run()
        } catch let error as CancellationError {
            throw error
        } catch {
            if let failure = socket?.failure { throw failure }
            throw ServiceError(listeningOn: configuration.host, port: configuration.port, error) ?? error
        }
    }

    /// - Parameter socket: where it listens, if it does so on a unix socket.
    private func listener(_ socket: UnixSocketFile?) throws(ServiceError) -> ServiceListener {
        let router = Router(options: .autoGenerateHeadEndpoints)
        let interface = HTTPInterface<BasicRequestContext>(hub: hub)
        interface.addMiddleware(to: router)
        interface.addHealthRoutes(to: router)
        interface.addFiles(to: router)
        interface.addRoutes(to: router.group("v1"))
        let foreignWebSockets = extensions.flatMap { $0.addRoutes(interface, router) }
        let responder = ServiceResponder(
            responder: router.buildResponder(), dates: HTTPDates(hub.runtime.environment), logger: logger)
        var http = HTTP1Channel.Configuration(idleTimeout: .seconds(60))
        http.httpDecoder = .init(
            maxHeaderFieldSize: HTTPLimits.fieldByteCount, maxHeaderListSize: HTTPLimits.headByteCount,
            maxHeaderFieldCount: HTTPLimits.fieldCount)
        return ServiceListener(
            connections: StreamChildChannel(
                http: HTTP1Channel(
                    responder: { request, writer, channel in
                        let response = try await responder.response(to: request, channel)
                        do {
                            try await writer.write(response: response.head, body: response.body)
                        } catch is HTTPParserError {
                            // It would be answered by another head.
                            throw ChannelError.ioOnClosedChannel
                        }
                    }, configuration: http),
                hub: hub, path: StreamProtocol.path,
                entry: ConnectionEntry(configuration.listener, metrics: metrics), admissions: admissions,
                foreignWebSockets: foreignWebSockets),
            address: socket.map { .unixSocket(path: $0.temporaryPath) }
                ?? .host(configuration.host, port: configuration.port),
            group: MultiThreadedEventLoopGroup.singleton,
            logger: logger,
            onStart: { [runtime = hub.runtime, internalListener, metricsListener] in
                await internalListener?.listening.wait()
                await metricsListener?.listening.wait()
                // The wait ends with its task, too: when one of them cannot listen.
                try Task.checkCancellation()
                try await runtime.waitForStart()
            },
            onListening: { channel in
                // The end of the server tells it.
                guard socket?.publish() ?? true else { return channel.close(promise: nil) }
                let port = socket == nil ? channel.localAddress?.port ?? configuration.port : 0
                hub.readiness.start()
                logger.info(
                    "service listening",
                    metadata: socket.map { ["service.socket": "\($0.socket.path)"] }
                        ?? ["service.host": "\(configuration.host)", "service.port": "\(port)"])
                onListening(port)
            })
    }
}
