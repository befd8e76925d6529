public import AgentEvents
internal import AgentEventsProtocol

/// Works for agents of a service from outside: in a process of its own, on another machine.
///
/// ```swift
/// let worker = AgentWorker(StreamClient(url: url, token: token), capacity: 4)
/// try await worker.run(agents: ["guide"]) { task in
///     try await task.say("You asked: \(task.text)")
///     return nil
/// }
/// ```
///
/// The service offers it runs, each for a lease. What the body returns ends the run as `agent_completed`, what it throws as
/// `agent_failed`. When the run ends elsewhere, a person stops it or the lease is over, the body's task is cancelled. A connection that
/// breaks is opened again: within the time of the lease the runs continue.
///
/// The credentials have the scopes `serve`, `read` and `emit`, and may use the threads of the users that it works for.
public struct AgentWorker: Sendable {
    private let client: StreamClient
    private let id: String
    private let capacity: Int
    private let restart: RestartMode

    /// - Parameters:
    ///   - client: reaches the service.
    ///   - id: the worker's own name, of 1 to 255 bytes like every id; a new one when it is `nil`. Of two workers with one name, the
    ///     service keeps the later one.
    ///   - capacity: the most runs that it works for at a time, 1 to 10 000.
    ///   - restart: what becomes of its runs when it is lost. With ``AgentEvents/RestartMode/resume`` a run is offered again,
    ///     ``WorkerTask/isResumed``.
    public init(_ client: StreamClient, id: String? = nil, capacity: Int = 1, restart: RestartMode = .never) {
        self.client = client
        self.id =
            id ?? IdentifierSource.timeSorted(in: client.configuration.environment).text(prefix: "w").string
        self.capacity = capacity
        self.restart = restart
    }

    /// Works until the task is cancelled. Runs that are under way then are lost to the service when their leases are over.
    ///
    /// - Parameters:
    ///   - agents: the names of the agents, 1 to 64.
    ///   - body: works for one run; several calls may run at once.
    /// - Throws: ``AgentEventsClientError`` when the service does not take the worker: its ``AgentEventsClientError/refusal`` says why;
    ///   `IdentifierError` for a name that is none.
    public func run(
        agents: [AgentName],
        _ body: @escaping @Sendable (WorkerTask) async throws -> JSONValue?
    ) async throws {
        let request = ServeRequest(worker: try WorkerID(id), agents: agents, capacity: capacity, restart: restart)
        let core = WorkerCore(request, IdentifierSource.timeSorted(in: client.configuration.environment))
        defer { core.endAll() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await serve(core) }
            group.addTask {
                await withDiscardingTaskGroup { jobs in
                    while let job = await core.nextJob() {
                        jobs.addTask { await Self.work(for: job, core, body) }
                    }
                }
            }
            defer {
                core.endAll()
                group.cancelAll()
            }
            try await group.next()
        }
    }

    // MARK: Connections

    private func serve(_ core: WorkerCore) async throws {
        var failures = 0
        while true {
            let error: AgentEventsClientError
            do {
                try await client.withConnection { connection in
                    try await converse(connection, core) { failures = 0 }
                }
                throw CancellationError()
            } catch let failure as AgentEventsClientError {
                error = failure
            }
            try Task.checkCancellation()
            guard error.isRetryable else { throw error }
            failures += 1
            let configuration = client.configuration
            let chance = configuration.random
            let pause = configuration.backoff.pause(afterFailures: failures, random: chance())
            try await configuration.clock.sleep(for: max(pause, error.retryAfter ?? .zero))
        }
    }

    private func converse(
        _ connection: StreamConnection,
        _ core: WorkerCore,
        served: () -> Void
    ) async throws {
        try core.connected()
        let tokens = TokenKeeper(client.tokenProvider, client.configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                repeat {
                    for bytes in try core.takeOutgoing() {
                        // A connection that has ended tells its reader why.
                        do { try await connection.send(bytes: bytes) } catch { return }
                    }
                } while await core.writer.wait()
            }
            group.addTask { await tokens.run(on: connection) }
            group.addTask {
                while true {
                    let pause = Duration.milliseconds(max(50, core.leaseMilliseconds / 3))
                    do { try await client.configuration.clock.sleep(for: pause) } catch { return }
                    core.renew()
                }
            }
            defer { group.cancelAll() }
            for try await bytes in connection.messages {
                let message = try ServerMessage(received: bytes)
                tokens.receive(message)
                if case .welcome(let welcome) = message, let heartbeat = welcome.heartbeatMilliseconds {
                    connection.limitSilence(to: .milliseconds(heartbeat) * 2 + client.configuration.heartbeatTolerance)
                }
                if case .serving = message { served() }
                try core.receive(message)
            }
        }
        throw CancellationError()
    }

    // MARK: Runs

    private static func work(
        for job: WorkerJob,
        _ core: WorkerCore,
        _ body: @escaping @Sendable (WorkerTask) async throws -> JSONValue?
    ) async {
        let task = WorkerTask(job, core)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let end: EventPayload
                do {
                    end = .agentCompleted(AgentCompleted(result: try await body(task), durationMilliseconds: 0))
                } catch is CancellationError where Task.isCancelled {
                    return
                } catch {
                    let coded = error as? any CodedError
                    let failure = RunFailure(
                        code: coded?.eventCode ?? "error", message: coded?.eventMessage ?? "\(error)",
                        retryable: coded?.isRetryable ?? false)
                    end = .agentFailed(AgentFailed(error: failure, durationMilliseconds: 0))
                }
                do {
                    try await task.emit([.measured(task.run, end)])
                } catch is CancellationError {
                    // The run has ended elsewhere, or is no longer this worker's.
                } catch {
                    core.giveBack(job, because: "\(error)")
                }
            }
            group.addTask { _ = await job.cancelled.wait() }
            // Whichever is first: the body has ended, or has to.
            await group.next()
            group.cancelAll()
        }
        core.end(job.run.lease)
    }
}
