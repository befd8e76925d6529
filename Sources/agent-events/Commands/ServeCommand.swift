internal import AgentEvents
internal import AgentEventsFileLog
internal import AgentEventsHub
internal import AgentEventsServer
internal import AgentEventsTokens
internal import ArgumentParser
internal import CoreMetrics
internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    enum Authentication: String, ExpressibleByArgument, CaseIterable {
        case none
        case jwt
    }

    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the service.",
        discussion: """
            Listens for WebSocket and HTTP clients, and keeps events in a folder or in memory. SIGINT and SIGTERM stop it \
            gracefully; a second one stops it at once. SIGHUP has settings, keys and certificate read again. Without --auth jwt \
            it is for this machine only. agent-events doctor takes the same options, and says what is wrong with them.

            Example:
              agent-events serve --demo
              agent-events serve --port 9000 --data /var/lib/agent-events --durability disk
              agent-events serve --host 0.0.0.0 --auth jwt --jwt-secret-file secret --internal-listen 127.0.0.1:8081
            """)

    @Option(help: "The name or address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 for any that is free.")
    var port = 8080

    @OptionGroup
    var listen: ListenOptions

    @Option(help: ArgumentHelp("The folder of the events. Default: ./data", valueName: "folder"))
    var data: String?

    @Flag(help: "Keep events in memory only.")
    var inMemory = false

    @Option(
        help: ArgumentHelp(
            "What a committed event survives: the end of the process (default), or a loss of power too.",
            valueName: "process|disk"),
        transform: { text throws in try Choice.read(text) })
    var durability: FileEventLog.Durability?

    @Option(
        help: ArgumentHelp(
            "Trim events older than this: a number with s, m, h or d, such as 12h or 30d. Default: keep all.",
            valueName: "age"),
        transform: { text throws in try RetentionAge.read(text) })
    var retainAge: Duration?

    @Option(
        help: ArgumentHelp("How many of the newest events of each thread are kept. Default: all.", valueName: "count"))
    var retainEvents: Int?

    @Option(
        help: ArgumentHelp(
            "Trim the oldest events when those of all threads take more bytes. Default: keep all.", valueName: "bytes"))
    var retainBytes: Int64?

    @Option(
        help: ArgumentHelp(
            "How long nothing may come for a run that a program outside emits, before it ends as lost: seconds, or a "
                + "number with s, m, h or d, from 1s to 24h. Default: 15m.",
            valueName: "time"),
        transform: { text throws in try EmittedRunTimeout.read(text) })
    var emittedRunTimeout: Duration?

    @Option(
        help: ArgumentHelp(
            "How clients show who they are: not at all, on loopback addresses only, or by JSON Web Tokens.",
            valueName: "none|jwt"))
    var auth = Authentication.none

    @OptionGroup
    var tokens: TokenOptions

    @Option(
        name: .customLong("allowed-origin"),
        help: ArgumentHelp(
            "An origin whose web pages may use the service, such as https://chat.example.com. May be repeated.",
            valueName: "origin"))
    var allowedOrigins: [String] = []

    @OptionGroup
    var interop: InteropOptions

    @OptionGroup
    var hooks: HookOptions

    @Option(
        help: ArgumentHelp("How long a connection may be silent before it is pinged, in seconds.", valueName: "seconds")
    )
    var heartbeat = 25.0

    @Option(
        help: ArgumentHelp(
            "How long a client may take nothing of what waits for it, in seconds.", valueName: "seconds"))
    var maxStall = 60.0

    @Option(
        help: ArgumentHelp(
            "How many bytes may wait for a connection before its client is served from the log.", valueName: "bytes"))
    var maxOutbound = 256 * 1024

    @Option(
        help: ArgumentHelp(
            "How long a graceful stop may take; agents that still run then are cancelled. In seconds.",
            valueName: "seconds"))
    var drainTimeout = 5.0

    @Option(
        help: ArgumentHelp(
            "How long a worker, a program outside that works for agents, keeps its runs after the last thing that was heard from it. "
                + "In seconds, from 1 to 3600.",
            valueName: "seconds"))
    var workerLease = 30.0

    @OptionGroup
    var limits: LimitOptions

    @OptionGroup
    var storage: StorageOptions

    @OptionGroup
    var sinks: SinkOptions

    @OptionGroup
    var demo: DemoOptions

    @OptionGroup
    var operation: OperatorOptions

    @OptionGroup
    var traces: TraceOptions

    @OptionGroup
    var configurationFile: ConfigurationOptions

    func validate() throws {
        switch auth {
        case .jwt: try tokens.check()
        case .none:
            if tokens.isUsed {
                throw ValidationError(
                    "without --auth jwt no token is looked at: give it, or leave the options of tokens out")
            }
        }
        guard (0...65535).contains(port) else { throw ValidationError("--port is a number from 0 to 65535") }
        if listen.listen != nil, host != "127.0.0.1" || port != 8080 {
            throw ValidationError("--listen says it all: leave out --host and --port")
        }
        guard heartbeat > 0, heartbeat <= 3600 else { throw ValidationError("--heartbeat is above 0 and at most 3600") }
        guard maxStall > 0, maxStall <= 86_400 else {
            throw ValidationError("--max-stall is above 0 and at most 86400")
        }
        guard (1024...1_073_741_824).contains(maxOutbound) else {
            throw ValidationError("--max-outbound is from 1024 to 1073741824")
        }
        guard drainTimeout > 0, drainTimeout <= 86_400 else {
            throw ValidationError("--drain-timeout is above 0 and at most 86400")
        }
        guard (1...3600).contains(workerLease) else { throw ValidationError("--worker-lease is from 1 to 3600") }
        try checkListeners()
        for origin in allowedOrigins {
            guard let problem = AllowedOrigin.problem(with: origin) else { continue }
            throw ValidationError("--allowed-origin: \(problem)")
        }
        if inMemory, data != nil { throw ValidationError("--data and --in-memory exclude each other") }
        if inMemory, durability != nil { throw ValidationError("--durability has no meaning with --in-memory") }
        if let retainEvents, retainEvents < 1 { throw ValidationError("--retain-events is at least 1") }
        if let retainBytes, retainBytes < 1 { throw ValidationError("--retain-bytes is at least 1") }
    }

    /// Each listener has an address of its own.
    private func checkListeners() throws {
        var listeners: [(option: String, address: InternalAddress)] = []
        if case .host(let host, let port) = address {
            listeners.append((listen.listen == nil ? "--port" : "--listen", InternalAddress(host: host, port: port)))
        }
        for (option, address) in [
            ("--internal-listen", operation.internalListen), ("--metrics-listen", operation.metricsListen),
        ] {
            guard let address else { continue }
            if let other = listeners.first(where: { $0.address.isTaken(with: address) }) {
                throw ValidationError(
                    "\(other.option) and \(option) are two listeners, which cannot share \(address.host):\(address.port): "
                        + "choose another port")
            }
            listeners.append((option, address))
        }
    }

    @concurrent
    func run() async throws {
        do {
            try await serve()
        } catch let error as ServiceError {
            switch error.code {
            case .openAccess where isOpen:
                throw ProgramExit.usage("\(error.message) (--auth jwt, with the keys of tokens)")
            case .openAccess, .hostInvalid, .portInvalid, .originInvalid, .listenerInvalid, .socketInvalid,
                .certificateInvalid:
                throw ProgramExit.usage(error.message)
            default: throw ProgramExit.unavailable(error.message)
            }
        } catch let error as AgentEventsError {
            throw ProgramExit.unavailable("\(error)")
        } catch let error as EventLogError {
            throw ProgramExit.unavailable("\(error)")
        }
    }

    /// Where it listens.
    var address: ListenAddress { listen.listen ?? .host(host, port: port) }

    /// Whether others than this machine reach the service, and need no token.
    var isOpen: Bool {
        if auth == .none, case .host(let host, _) = address { !LoopbackHost.isLoopback(host) } else { false }
    }

    /// Refuses what is refused whatever else is set.
    func checkAccess() throws(ServiceError) {
        // A unix socket has its permissions instead.
        if auth == .none, case .host(let host, _) = address {
            try AccessPolicy.validate(host: host, authenticator: NoAuthentication())
        }
        if let address = operation.internalListen { try AccessPolicy.validate(internalHost: address.host) }
    }

    private func serve() async throws {
        try checkAccess()
        // A file that may not grow (RLIMIT_FSIZE) is an error of the log, and not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        // What is written is for this user only: events are in all of it.
        umask(0o077)
        let agents = try demo.agents()
        let level = ServiceLogHandler.SharedLevel(operation.logLevel)
        LoggingSystem.bootstrap { [format = operation.logFormat] label in
            ServiceLogHandler(label: label, format: format, level: level)
        }
        let logger = Logger(label: "agent-events")
        for finding in exposure where finding.level == .warning {
            logger.warning("\(finding.text)", metadata: ["advice": "\(finding.advice)"])
        }
        let showsMetrics = operation.internalListen != nil || operation.metricsListen != nil
        let metrics = showsMetrics ? ProgramMetrics(folder: inMemory ? nil : folder) : nil
        // Before the service makes its metrics. Without a listener for them, to count costs nothing.
        if let metrics { MetricsSystem.bootstrap(metrics.exporter) }
        // What is refused is refused before anything is made.
        let sinks = try sinks.sinks(settingAsideIn: inMemory ? nil : folder)
        let hooks = try hooks.extensions()
        if !inMemory { try makeFolder() }
        try self.sinks.makeFile()
        let audit = inMemory ? nil : try AuditFile(path: "\(folder)/audit.ndjson", logger: logger)
        let surroundings = ServiceSurroundings(
            level: level, metrics: metrics, audit: audit, notifier: SystemNotifier(), hooks: hooks)
        surroundings.audit?.record(AuditEntry(who: "agent-events", what: "service.started"))
        if inMemory {
            let log = InMemoryEventLog()
            let all = try sinks + traces.sinks(reading: log, logger: logger)
            try await serve(log, all, agents, logger, surroundings) { log.close() }
        } else {
            let configuration = FileEventLog.Configuration(durability: durability ?? .process)
            let log = FileEventLog(path: "\(folder)/events.sqlite", configuration: configuration)
            let all = try sinks + traces.sinks(reading: log, logger: logger)
            try await serve(log, all, agents, logger, surroundings) {
                try await log.close()
            }
        }
    }

    private func serve(
        _ log: any EventLog,
        _ sinks: [any EventSink],
        _ agents: [any ServedAgent],
        _ logger: Logger,
        _ surroundings: ServiceSurroundings,
        close: @escaping @Sendable () async throws -> Void
    ) async throws {
        var configuration = ServiceConfiguration()
        var parts = try listen.apply(to: &configuration, host: host, port: port)
        configuration.audit = surroundings.audit
        configuration.internalAddress = operation.internalListen
        configuration.metricsAddress = operation.metricsListen
        applyChangeable(to: &configuration)
        configuration.backupFolder = inMemory ? nil : operation.backupFolder ?? "\(folder)/backups"
        if let maximum = configuration.maximumConnections {
            logger.info("connections limited", metadata: ["connections.maximum": "\(maximum)"])
        }
        configuration.heartbeatInterval = .seconds(heartbeat)
        configuration.slowReaderTimeout = .seconds(maxStall)
        configuration.outboundWatermarkByteCount = maxOutbound
        configuration.shutdownGrace = .seconds(drainTimeout)
        configuration.workerLease = .seconds(workerLease)
        var runtime = RuntimeConfiguration()
        runtime.retention = RetentionPolicy(
            maximumAge: retainAge, maximumEventsPerThread: retainEvents, maximumByteCount: retainBytes)
        storage.apply(to: &runtime)
        runtime.tokensPerUserAndDay = limits.maxTokensPerUserAndDay
        if let emittedRunTimeout { runtime.emittedRunTimeout = emittedRunTimeout }
        let links = auth == .jwt ? try await tokens.linkSecret(in: inMemory ? nil : folder) : nil
        let authenticator =
            auth == .jwt ? try await tokens.authenticator(links: links, logger: logger, audit: surroundings.audit) : nil
        if let authenticator {
            surroundings.metrics?.showKeyAge { authenticator.keyAge }
            parts.append(authenticator)
        }
        let internalPorts = InternalPorts()
        let service = AgentEventsService(
            runtime: AgentRuntime(log: log, sinks: sinks, configuration: runtime), agents: agents,
            authenticator: authenticator ?? NoAuthentication(), linkTokenSigner: links, configuration: configuration,
            extensions: interop.extensions + surroundings.hooks, logger: logger,
            metrics: surroundings.metrics?.page,
            onInternalListening: { port in internalPorts.change { $0.operators = port } },
            onMetricsListening: { port in internalPorts.change { $0.metrics = port } },
            onListening: { [configuration] port in
                greet(port, at: configuration, internalPorts.current)
                surroundings.notifier.send(.ready, .status("listening on \(listen.url(port, configuration).url)"))
            },
            onUnresponsiveAgents: { _ in Task { await Self.leave(closing: close, logger) } })
        // The last one is stopped first: keys are there until nobody shows a token any longer.
        let services: [any Service] = authenticator.map { [$0, service] } ?? [service]
        let settings = ReloadedSettings(takers: takers(of: service, surroundings.level), logger: logger)
        let reloading = Reloading(
            settings: settings, group: ReloadGroup([settings] + parts, logger: logger), metrics: surroundings.metrics,
            audit: surroundings.audit, notifier: surroundings.notifier)
        let isReloaded = !parts.isEmpty || isExpectedToReload(surroundings.notifier)
        try await run(
            ServiceGroup(services: services, logger: logger), reloading: isReloaded ? reloading : nil,
            surroundings.notifier, logger)
        try await close()
        logger.notice("stopped")
    }

    /// Ends the process while agents still run: everything is committed and every client is told, nothing is left to
    /// wait for. Exit handlers are not called, they would take from these agents what they work with.
    private static func leave(closing close: @Sendable () async throws -> Void, _ logger: Logger) async {
        do {
            try await close()
        } catch {
            logger.error("log not closed", metadata: ["error.message": "\(error)"])
            _exit(69)
        }
        _exit(0)
    }

    /// The first signal stops the services gracefully, the second one cancels them. SIGHUP has the settings and the files that
    /// they name read again; with nothing to read it is left alone, so that a service ends with its terminal.
    private func run(
        _ services: ServiceGroup,
        reloading: Reloading?,
        _ notifier: SystemNotifier,
        _ logger: Logger
    ) async throws {
        let signals = await UnixSignalsSequence(
            trapping: reloading == nil ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            group.addTask {
                var isStopping = false
                for await signal in signals {
                    if signal == .sighup {
                        await reloading?.reload()
                        continue
                    }
                    if isStopping {
                        logger.warning("stopping at once", metadata: ["signal": "\(signal)"])
                        return
                    }
                    isStopping = true
                    logger.notice("stopping", metadata: ["signal": "\(signal)"])
                    notifier.send(.stopping)
                    await services.triggerGracefulShutdown()
                }
            }
            defer { group.cancelAll() }
            // Beside the others, until they end: it does not end by itself.
            async let _: Void = notifier.keepWatchdogQuiet()
            try await group.next()
        }
    }

    /// The data folder, without a slash at the end.
    var folder: String {
        let folder = data ?? "data"
        return folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    }

    /// Makes the data folder if there is none.
    private func makeFolder() throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ProgramExit.unavailable("the data folder \(folder) cannot be made: \(error.localizedDescription)")
        }
    }
}
