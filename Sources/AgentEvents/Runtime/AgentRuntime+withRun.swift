extension AgentRuntime {
    /// Runs an agent: `agent_started`, the body, and the end — `agent_completed` with what the body returns,
    /// `agent_failed` when it throws, `agent_cancelled` when its task is cancelled.
    ///
    /// Returns when the end is committed. At a ``RuntimeConfiguration/runDeadline``, or by a command, the run is ended from
    /// elsewhere; the body learns of it when it emits. For a body that should be cancelled then, pass a `deadline`, which may
    /// be `nil`.
    ///
    /// - Parameters:
    ///   - user: whose thread it is.
    ///   - thread: opened for the user if it has no event yet.
    ///   - input: what the agent is asked; any `Codable` or a ``JSONValue``.
    ///   - id: the run's id; a new one when it is `nil`. Never used twice in a thread.
    ///   - body: the agent. What it returns is the run's result when it is `Encodable`; anything else, and nothing, is not
    ///     logged.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws; ``AgentEventsError``; or what encoding the result throws, which ends the run as failed.
    @discardableResult
    public func withRun<Result>(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        id: RunID? = nil,
        _ body: (AgentRun) async throws -> Result
    ) async throws -> Result {
        let context = try await context(user: user, thread: thread)
        return try await RunScope(context: context, agent: agent, input: input, id: id).run(
            body, result: ResultEncoding.json)
    }

    /// Runs an agent whose body is cancelled when the run ends before it returns. At its deadline the run is ended, at once, as
    /// `agent_failed` with the code `run.deadline`; a command may end it, and so may the end of its parent.
    ///
    /// The method throws when the body has returned: one that ignores its cancellation holds up the caller, but nobody who
    /// watches. What it emits after the end of the run is refused.
    ///
    /// - Parameters:
    ///   - user: whose thread it is.
    ///   - thread: opened for the user if it has no event yet.
    ///   - input: what the agent is asked; any `Codable` or a ``JSONValue``.
    ///   - id: the run's id; a new one when it is `nil`. Never used twice in a thread.
    ///   - deadline: how long the run may take; ``RuntimeConfiguration/runDeadline`` when it is `nil`.
    ///   - body: the agent. What it returns is the run's result when it is `Encodable`; anything else, and nothing, is not
    ///     logged.
    /// - Returns: what the body returns.
    /// - Throws: as the method without a deadline; ``AgentEventsError`` `run.deadline` when the time was over.
    @discardableResult
    public func withRun<Result: Sendable>(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        id: RunID? = nil,
        deadline: Duration?,
        _ body: @escaping @Sendable (AgentRun) async throws -> Result
    ) async throws -> Result {
        let context = try await context(user: user, thread: thread)
        return try await RunScope(context: context, agent: agent, input: input, id: id, deadline: deadline)
            .runCancelling(body, result: ResultEncoding.json)
    }

    /// Runs an agent whose result is JSON, or absent, where the result of the other methods would be `null`. Its body is
    /// cancelled when the run ends before it returns.
    ///
    /// - Parameter observer: is told about a body that works after its run has ended.
    package func withJSONRun(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: JSONValue,
        id: RunID,
        observer: RunBodyObserver? = nil,
        _ body: @escaping @Sendable (AgentRun) async throws -> JSONValue?
    ) async throws {
        let context = try await context(user: user, thread: thread)
        _ = try await RunScope(context: context, agent: agent, input: input, id: id, observer: observer)
            .runCancelling(body, result: { $0 })
    }
}
