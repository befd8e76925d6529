/// Starts a run, runs its body and ends it, whichever way the body ends (I7).
struct RunScope {
    let context: ExecutionContext
    let agent: AgentName
    let input: (any Encodable & Sendable)?
    var id: RunID?
    var parent: (run: RunID, call: CallID?)?

    /// - Parameter convert: turns what the body returns into the run's result.
    func run<Result>(
        _ body: (AgentRun) async throws -> Result,
        result convert: (Result) throws -> JSONValue?
    ) async throws -> Result {
        let id = id ?? context.services.configuration.identifiers.runID()
        let input = try input.map { try JSONValue(converting: $0) }
        let run = AgentRun(id: id, agent: agent, context: context)
        try await context.start(
            id, agent: agent, AgentStarted(input: input, parentRun: parent?.run, parentCall: parent?.call))
        let result: Result
        do {
            result = try await body(run)
            let json = try convert(result)
            let position = try await context.complete(id, result: json, usage: nil)
            try await context.waitForCommit(at: position)
        } catch {
            do throws(AgentEventsError) {
                try await end(id, after: error)
            } catch let unlogged {
                throw unlogged.endingAfter(error)
            }
            throw error
        }
        return result
    }

    private func end(_ run: RunID, after error: any Error) async throws(AgentEventsError) {
        // Ended from elsewhere, by a command or through the parent: there is nothing left to end.
        guard await context.isOpen(run) else { return }
        let position =
            if isCancellation(error) {
                try await context.cancel(run, reason: "the agent's task was cancelled", by: nil)
            } else {
                try await context.fail(run, RunFailure(describing: error))
            }
        try await context.waitForCommit(at: position)
    }
}
