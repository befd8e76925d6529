extension AgentRun {
    /// Calls a tool that may take so long and no longer: then `tool_completed` with status `timed_out` is emitted, at once,
    /// and the body's task is cancelled.
    ///
    /// The call throws when the body has returned: a body that ignores its cancellation holds up the agent's code, but
    /// nobody who watches. What it returns too late is not used.
    ///
    /// - Parameters:
    ///   - id: the call's id; a new one when it is `nil`. No open call of the run has it.
    ///   - arguments: what the tool is called with; any `Codable` or a ``JSONValue``.
    ///   - purpose: why, for people.
    ///   - timeout: how long the call may take.
    /// - Returns: what the body returns.
    /// - Throws: as the call without a time limit; ``AgentEventsError`` `tool.timed_out` when the time was over.
    @discardableResult
    public func tool<Result: Encodable & Sendable>(
        _ tool: ToolName,
        id: CallID? = nil,
        arguments: some Encodable & Sendable,
        purpose: String? = nil,
        timeout: Duration,
        _ body: @escaping @Sendable (ToolCall) async throws -> Result
    ) async throws -> Result {
        try await ToolScope(run: self, id: id, tool: tool, purpose: purpose, timeout: timeout)
            .runCancelling(arguments, body, result: { try JSONValue(converting: $0) })
    }

    /// Calls a tool that returns nothing and may take so long and no longer.
    @_disfavoredOverload
    public func tool(
        _ tool: ToolName,
        id: CallID? = nil,
        arguments: some Encodable & Sendable,
        purpose: String? = nil,
        timeout: Duration,
        _ body: @escaping @Sendable (ToolCall) async throws -> Void
    ) async throws {
        try await ToolScope(run: self, id: id, tool: tool, purpose: purpose, timeout: timeout)
            .runCancelling(arguments, body, result: { _ in nil })
    }
}
