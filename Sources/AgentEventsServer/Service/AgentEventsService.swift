public import AgentEvents
import Hummingbird
import HummingbirdCore
import NIOPosix
public import Logging
public import ServiceLifecycle

/// The service: events over WebSocket and HTTP, and agents that people can talk to.
///
/// It runs the runtime, its agents and the server together. When it is shut down gracefully it takes nothing new, tells
/// its clients when to come back, gives the agents time to end, and programs outside to emit what they have, ends the runs
/// of its agents that are open after that, closes the connections, and stops the runtime last; all within ``ServiceConfiguration/shutdownGraceSeconds``.
///
/// ```swift
/// let service = AgentEventsService(runtime: AgentRuntime(log: log), agents: [Guide()], logger: logger)
/// try await ServiceGroup(
///     services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
/// ).run()
/// ```
public struct AgentEventsService: Service {
    let runtime: AgentRuntime
    let authenticator: any Authenticator
    let configuration: ServiceConfiguration
    let logger: Logger
    let origins: OriginPolicy
    let dispatcher: AgentDispatcher
    private let readiness = Readiness()
    private let serverGate = Gate()
    private let onListening: @Sendable (_ port: Int) -> Void
    private let onStuckAgents: @Sendable (_ count: Int) -> Void

    /// - Parameters:
    ///   - runtime: makes and commits the events. The service runs it; nobody else does.
    ///   - agents: those that `POST /v1/threads/{t}/messages` can start; the first one answers who names none.
    ///   - authenticator: finds out who makes a request. ``NoAuthentication`` is refused on any address but loopback.
    ///   - onListening: called once with the port when the service takes requests.
    ///   - onStuckAgents: called at the end of a shutdown when agents ignore the cancellation of their tasks: their runs
    ///     are ended, the connections closed and the log is complete, but ``run()`` returns only when these agents do. A
    ///     process that does not want to wait for them exits here.
    public init(
        runtime: AgentRuntime,
        agents: [any ServedAgent] = [],
        authenticator: any Authenticator = NoAuthentication(),
        configuration: ServiceConfiguration = ServiceConfiguration(),
        logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        onStuckAgents: @escaping @Sendable (_ count: Int) -> Void = { _ in }
    ) {
        self.runtime = runtime
        self.authenticator = authenticator
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
        self.onStuckAgents = onStuckAgents
        origins = OriginPolicy(
            allowedOrigins: configuration.allowedOrigins, needsCredentials: authenticator.needsCredentials)
        dispatcher = AgentDispatcher(
            runtime: runtime, agents: agents, maximumRuns: configuration.maximumConcurrentRuns, logger: logger)
    }

    /// Runs the service until it is shut down gracefully, or its task is cancelled. Call it once.
    ///
    /// - Throws: ``ServiceError`` when it cannot listen, `AgentEventsError` when the log cannot be opened or fails.
    public func run() async throws {
        try AccessPolicy.validate(host: configuration.host, authenticator: authenticator)
        for origin in configuration.allowedOrigins.sorted() {
            if let problem = AllowedOrigin.problem(with: origin) { throw ServiceError(.originInvalid, problem) }
        }
        guard (0...65535).contains(configuration.port) else {
            throw ServiceError(.portInvalid, "a port is a number from 0 to 65535, and not \(configuration.port)")
        }
        let stream = StreamEndpoint(
            runtime: runtime, authenticator: authenticator, origins: origins, readiness: readiness,
            limits: configuration.streamLimits, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        do {
            try await runParts(stream)
        } catch {
            readiness.stop()
            logger.info("service failed", metadata: ["error.message": "\(error)"])
            throw error
        }
        logger.info("service stopped")
    }

    private func runParts(_ stream: StreamEndpoint) async throws {
        let failure = FirstFailure()
        try await withThrowingTaskGroup(of: ServiceStateMachine.Input.self) { group in
            group.addTask {
                let watch = SinkWatch(runtime: runtime, logger: logger)
                await withDiscardingTaskGroup { sinks in
                    sinks.addTask { await watch.run() }
                    do {
                        try await runtime.run()
                    } catch {
                        failure.note(error)
                    }
                    watch.finish()
                }
                return .ended(.runtime)
            }
            group.addTask {
                await dispatcher.run()
                return .ended(.agents)
            }
            group.addTask {
                try await runServer(stream)
                return .ended(.server)
            }
            group.addTask {
                do {
                    try await gracefulShutdown()
                    return .shutdownRequested
                } catch {
                    return .cancelled
                }
            }
            var machine = ServiceStateMachine()
            do {
                while let input = try await group.next() {
                    for action in machine.receive(input) { act(on: action, stream, &group) }
                }
            } catch {
                dispatcher.cancel()
                stream.closeConnections(waitsForAnswers: false)
                throw failure.error ?? error
            }
        }
        if let error = failure.error { throw error }
    }

    /// A program outside that was silent for so long is not waited for at a shutdown.
    private static let silentSeconds = 60

    private func act(
        on action: ServiceStateMachine.Action,
        _ stream: StreamEndpoint,
        _ group: inout ThrowingTaskGroup<ServiceStateMachine.Input, any Error>
    ) {
        switch action {
        case .beginDrain:
            logger.info("service stopping")
            readiness.stop()
            dispatcher.close()
            stream.drain(spreadMilliseconds: Int64(configuration.reconnectSpreadSeconds * 1000))
            group.addTask {
                let silence = Duration.seconds(Self.silentSeconds)
                await runtime.waitForEmittedRuns(silentFor: silence) {
                    stream.outsideEmitters.mayEmit(silentFor: silence)
                }
                return .emittersDone
            }
            let grace = configuration.shutdownGraceSeconds
            let agentGrace = configuration.agentGraceSeconds ?? (grace - min(grace / 2, 1))
            group.addTask {
                // A cancelled sleep comes too late to matter.
                try? await runtime.environment.sleep(.seconds(agentGrace))
                return .agentsDeadlinePassed
            }
            group.addTask {
                try? await runtime.environment.sleep(.seconds(grace))
                return .deadlinePassed
            }
        case .endRuns:
            group.addTask {
                do throws(AgentEventsError) {
                    try await runtime.cancelHostedRuns(reason: "shutdown")
                } catch {
                    guard error.code == .log(.closed) else { throw error }
                    // The time was over first; the next start ends the rest.
                    logger.error("runs left open", metadata: ["error.code": "\(error.code)"])
                }
                dispatcher.cancel()
                return .runsEnded
            }
        case .cancelAgents:
            dispatcher.cancel()
        case .closeConnections:
            stream.closeConnections(waitsForAnswers: true)
            // The listening socket closes now, not before: until here `/ready` told that the service stops.
            serverGate.open()
        case .stopRuntime:
            runtime.shutdown()
        case .cancelParts:
            stream.closeConnections(waitsForAnswers: false)
            dispatcher.cancel()
            group.cancelAll()
        case .finish:
            group.cancelAll()
        case .reportStuckAgents:
            let count = dispatcher.runningCount
            logger.error("agents ignore their cancellation", metadata: ["agents.count": "\(count)"])
            onStuckAgents(count)
        }
    }

    private func runServer(_ stream: StreamEndpoint) async throws {
        let interface = HTTPInterface(
            runtime: runtime,
            stream: stream,
            access: RequestAccess(authenticator: authenticator),
            origins: origins,
            ingest: EventIngest(runtime: runtime, outsideEmitters: stream.outsideEmitters),
            intake: MessageIntake(runtime: runtime, dispatcher: dispatcher),
            readiness: readiness,
            maximumBodyByteCount: configuration.maximumBodyByteCount,
            maximumMessageByteCount: configuration.maximumMessageByteCount,
            maximumBatchEvents: configuration.maximumBatchEvents
        )
        var application = Application(
            router: interface.router(),
            server: HTTPServerBuilder { responder in
                stream.childChannel(
                    http: HTTP1Channel(responder: { request, writer, channel in
                        try await responder(AwaitedBody.wrap(request, channel), writer, channel)
                    }))
            },
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
                readiness.start()
                logger.info(
                    "service listening", metadata: ["service.host": "\(configuration.host)", "service.port": "\(port)"])
                onListening(port)
            },
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
            logger: logger
        )
        application.beforeServerStarts { try await runtime.waitForStart() }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await stream.run() }
                defer { stream.finish() }
                try await ServiceGroup(
                    configuration: .init(
                        services: [
                            .init(service: application),
                            .init(service: serverGate, successTerminationBehavior: .ignore),
                        ], logger: logger)
                ).run()
                // The server does not wait for WebSockets: no task is kept for them.
                await stream.waitForConnections()
            }
        } catch is CancellationError {
            // Cancelled by this service, at the end of the grace period or with the service itself.
        } catch {
            throw ServiceError(listeningOn: configuration.host, port: configuration.port, error) ?? error
        }
    }
}
