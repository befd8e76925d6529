/// Starts a run, runs its body and ends it, whichever way the body ends (I7), and at its deadline.
struct RunScope: Sendable {
    let context: ExecutionContext
    let agent: AgentName
    let input: (any Encodable & Sendable)?
    let id: RunID
    /// Whether the id is one that nobody can have used before.
    private let isNew: Bool
    var parent: (run: RunID, call: CallID?)?
    private let usage: RunUsage
    /// The place of the first event of a run that has started already.
    private let started: RunStart?
    private let limit: TimeLimit?
    private let expiry = Expiry()

    /// - Parameter deadline: how long the run may take; of a run without a parent, the configured one when it is `nil`.
    init(
        context: ExecutionContext,
        agent: AgentName,
        input: (any Encodable & Sendable)?,
        id: RunID? = nil,
        parent: (run: RunID, call: CallID?)? = nil,
        deadline: Duration? = nil
    ) {
        let configuration = context.services.configuration
        self.context = context
        self.agent = agent
        self.input = input
        self.id = id ?? configuration.identifiers.runID()
        isNew = id == nil && configuration.identifiers.isUnguessable
        self.parent = parent
        usage = RunUsage()
        started = nil
        // A child ends with its parent, and so at the parent's deadline.
        limit = TimeLimit(deadline ?? (parent == nil ? configuration.runDeadline : nil), configuration)
    }

    /// The scope of a run that has started.
    init(_ run: AcceptedRun) {
        let configuration = run.context.services.configuration
        context = run.context
        agent = run.agent
        input = nil
        id = run.id
        isNew = false
        parent = nil
        usage = run.usage
        started = run.start
        limit = TimeLimit(configuration.runDeadline, configuration)
    }

    /// - Parameter convert: turns what the body returns into the run's result.
    func run<Result>(
        _ body: (AgentRun) async throws -> Result,
        result convert: (Result) throws -> JSONValue?
    ) async throws -> Result {
        let start = try await start()
        return try await ending {
            guard let limit else { return try await complete(start, body, convert) }
            return try await limit.run({ try await complete(start, body, convert) }, expire: { await expire(limit) })
        }
    }

    /// As ``run(_:result:)``, with a body that is cancelled at the deadline.
    func runCancelling<Result: Sendable>(
        _ body: @escaping @Sendable (AgentRun) async throws -> Result,
        result convert: @escaping @Sendable (Result) throws -> JSONValue?
    ) async throws -> Result {
        let start = try await start()
        return try await ending {
            guard let limit else { return try await complete(start, body, convert) }
            return try await limit.runCancelling(
                { try await complete(start, body, convert) }, expire: { await expire(limit) })
        }
    }

    private func start() async throws -> RunStart {
        if let started { return started }
        let input = try input.map { try JSONValue(converting: $0) }
        return try await context.start(
            id, isNew: isNew, agent: agent,
            AgentStarted(input: input, parentRunID: parent?.run, parentCallID: parent?.call), usage: usage
        )
    }

    private func complete<Result>(
        _ start: RunStart,
        _ body: (AgentRun) async throws -> Result,
        _ convert: (Result) throws -> JSONValue?
    ) async throws -> Result {
        let result = try await body(AgentRun(id: id, agent: agent, context: context, start: start, usage: usage))
        let json = try convert(result)
        let position = try await context.complete(id, result: json)
        try await context.waitForCommit(at: position)
        return result
    }

    private func ending<Result>(_ work: () async throws -> Result) async throws -> Result {
        do {
            return try await work()
        } catch {
            do throws(AgentEventsError) {
                try await end(after: error)
            } catch let unlogged {
                throw unlogged.endingAfter(error)
            }
            guard let limit, expiry.hasHappened else { throw error }
            throw AgentEventsError(.runDeadline, "the run did not end within \(limit.duration)", cause: error)
        }
    }

    private func end(after error: any Error) async throws(AgentEventsError) {
        let position =
            if isCancellation(error) {
                try await context.cancel(id, reason: "the agent's task was cancelled", by: nil)
            } else {
                try await context.fail(id, RunFailure(describing: error))
            }
        // At the deadline, from elsewhere by a command, or through the parent: there was nothing left to end.
        guard let position else { return try await context.flush() }
        try await context.waitForCommit(at: position)
    }

    private func expire(_ limit: TimeLimit) async {
        let failure = RunFailure(
            code: AgentEventsError.Code.runDeadline.rawValue, message: "the run did not end within \(limit.duration)",
            retryable: true)
        // When the end cannot be logged, no other event can: the body's end reports it.
        if (try? await context.fail(id, failure)) != nil { expiry.happen() }
    }
}

/// The place of a run's first event.
struct RunStart: Sendable {
    var id: EventID
    /// To wait for its commit.
    var position: UInt64
}
