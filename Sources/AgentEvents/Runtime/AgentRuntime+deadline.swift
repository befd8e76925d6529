extension AgentRuntime {
    /// Runs an agent that may take so long and no longer: then the run is ended, at once, as `agent_failed` with the code
    /// `run.deadline`, and the body's task is cancelled.
    ///
    /// The method throws when the body has returned: one that ignores its cancellation holds up the caller, but nobody who
    /// watches. What it emits after the end of the run is refused.
    ///
    /// - Parameters:
    ///   - user: whose thread it is.
    ///   - thread: opened for the user if it has no event yet.
    ///   - input: what the agent is asked; any `Codable` or a ``JSONValue``.
    ///   - id: the run's id; a new one when it is `nil`. Never used twice in a thread.
    ///   - deadline: how long the run may take.
    /// - Throws: as the method without a deadline; ``AgentEventsError`` `run.deadline` when the time was over.
    @discardableResult
    public func withRun<Result: Encodable & Sendable>(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        id: RunID? = nil,
        deadline: Duration,
        _ body: @escaping @Sendable (AgentRun) async throws -> Result
    ) async throws -> Result {
        let context = try await context(user: user, thread: thread)
        return try await RunScope(context: context, agent: agent, input: input, id: id, deadline: deadline)
            .runCancelling(body, result: { try JSONValue(converting: $0) })
    }

    /// Runs an agent that returns nothing and may take so long and no longer.
    @_disfavoredOverload
    public func withRun(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        id: RunID? = nil,
        deadline: Duration,
        _ body: @escaping @Sendable (AgentRun) async throws -> Void
    ) async throws {
        let context = try await context(user: user, thread: thread)
        try await RunScope(context: context, agent: agent, input: input, id: id, deadline: deadline)
            .runCancelling(body, result: { _ in nil })
    }
}
