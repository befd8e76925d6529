/// Runs a runtime for the length of a scope.
///
/// When the scope ends, by return or by throw, everything accepted is committed and given to the sinks.
///
/// - Parameters:
///   - log: where events are committed.
///   - sinks: where committed events go.
/// - Throws: what the scope throws, or ``AgentEventsError`` when the log cannot be opened or fails.
public func withAgentRuntime<Result>(
    log: any EventLog,
    sinks: [any EventSink] = [],
    configuration: RuntimeConfiguration = RuntimeConfiguration(),
    _ body: (AgentRuntime) async throws -> Result
) async throws -> Result {
    let runtime = AgentRuntime(log: log, sinks: sinks, configuration: configuration)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await runtime.run() }
        let result: Result
        do {
            result = try await body(runtime)
        } catch {
            runtime.shutdown()
            // A failure of the log is why the body failed; the body's own error says which of its calls it hit.
            try? await group.waitForAll()
            throw error
        }
        runtime.shutdown()
        try await group.waitForAll()
        return result
    }
}
