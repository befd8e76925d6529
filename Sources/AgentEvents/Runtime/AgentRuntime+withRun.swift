extension AgentRuntime {
    /// Runs an agent: `agent_started`, the body, and the end — `agent_completed` with what the body returns,
    /// `agent_failed` when it throws, `agent_cancelled` when its task is cancelled.
    ///
    /// Returns when the end is committed. Under a ``RuntimeConfiguration/runDeadline`` the run is ended at the
    /// deadline; the body learns of it when it emits. For a body that should be cancelled then, pass a deadline of its
    /// own.
    ///
    /// - Parameters:
    ///   - user: whose thread it is.
    ///   - thread: opened for the user if it has no event yet.
    ///   - input: what the agent is asked; any `Codable` or a ``JSONValue``.
    ///   - id: the run's id; a new one when it is `nil`. Never used twice in a thread.
    /// - Throws: what the body throws, or ``AgentEventsError``.
    @discardableResult
    public func withRun<Result: Encodable & Sendable>(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        id: RunID? = nil,
        _ body: (AgentRun) async throws -> Result
    ) async throws -> Result {
        let context = try await context(user: user, thread: thread)
        return try await RunScope(context: context, agent: agent, input: input, id: id)
            .run(body, result: JSONValue.init(converting:))
    }

    /// Runs an agent that returns nothing.
    @_disfavoredOverload
    public func withRun(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        id: RunID? = nil,
        _ body: (AgentRun) async throws -> Void
    ) async throws {
        let context = try await context(user: user, thread: thread)
        try await RunScope(context: context, agent: agent, input: input, id: id).run(body, result: { _ in nil })
    }

    /// Runs an agent whose result is JSON, or absent. Its body is cancelled at the configured deadline.
    package func withJSONRun(
        user: UserID,
        thread: ThreadID,
        agent: AgentName,
        input: JSONValue,
        id: RunID,
        _ body: @escaping @Sendable (AgentRun) async throws -> JSONValue?
    ) async throws {
        let context = try await context(user: user, thread: thread)
        _ = try await RunScope(context: context, agent: agent, input: input, id: id)
            .runCancelling(body, result: { $0 })
    }
}
