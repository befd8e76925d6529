/// Emits the beginning and the end of a tool call around its body, and the end at its time limit.
struct ToolScope: Sendable {
    let run: AgentRun
    let call: ToolCall
    let purpose: String?
    private let limit: TimeLimit?
    private let expiry = Expiry()

    /// - Parameters:
    ///   - id: the call's id; a new one when it is `nil`.
    ///   - timeout: how long the call may take; the configured time when it is `nil`.
    init(run: AgentRun, id: CallID? = nil, tool: ToolName, purpose: String?, timeout: Duration? = nil) {
        let configuration = run.context.services.configuration
        self.run = run
        self.purpose = purpose
        call = ToolCall(id: id ?? run.identifiers.callID(), tool: tool, run: run)
        limit = TimeLimit(timeout ?? configuration.toolTimeout, configuration)
    }

    func run<Result>(
        _ arguments: some Encodable & Sendable,
        _ body: (ToolCall) async throws -> Result
    ) async throws -> Result {
        try await begin(arguments)
        return try await ending {
            guard let limit else { return try await complete(body) }
            return try await limit.run({ try await complete(body) }, expire: { await expire(limit) })
        }
    }

    /// As ``run(_:_:)``, with a body that is cancelled when its time is over.
    func runCancelling<Result: Sendable>(
        _ arguments: some Encodable & Sendable,
        _ body: @escaping @Sendable (ToolCall) async throws -> Result
    ) async throws -> Result {
        try await begin(arguments)
        return try await ending {
            guard let limit else { return try await complete(body) }
            return try await limit.runCancelling({ try await complete(body) }, expire: { await expire(limit) })
        }
    }

    /// Starts the call. A pause between its start and that of the body holds the body back, and the end of the run prevents
    /// it; neither takes of the call's time.
    private func begin(_ arguments: some Encodable & Sendable) async throws {
        let arguments = try JSONValue(converting: arguments)
        let executing = ToolExecuting(callID: call.id, tool: call.tool, arguments: arguments, purpose: purpose)
        try await run.emit(.toolExecuting(executing))
        do throws(AgentEventsError) {
            try await run.context.waitToBegin(executing, in: run.id)
        } catch {
            try await end(after: error)
            throw error
        }
    }

    private func complete<Result>(
        _ body: (ToolCall) async throws -> Result
    ) async throws -> Result {
        var completed = ToolCompleted(callID: call.id, tool: call.tool, status: .succeeded, durationMilliseconds: 0)
        let result: Result
        do {
            result = try await body(call)
            completed.result = try ResultEncoding.json(result)
        } catch {
            try await end(after: error)
            throw error
        }
        try await run.context.completeTool(completed, run: run.id)
        return result
    }

    /// Ends the call because of an error.
    private func end(after error: any Error) async throws(AgentEventsError) {
        let completed = ToolCompleted(
            callID: call.id, tool: call.tool, status: isCancellation(error) ? .cancelled : .failed,
            error: ToolFailure(describing: error), durationMilliseconds: 0)
        do throws(AgentEventsError) {
            // There may be nothing left to end: at its time, or with its run, the call has ended already.
            _ = try await run.context.endTool(completed, run: run.id)
        } catch let unlogged {
            throw unlogged.endingAfter(error)
        }
    }

    private func ending<Result>(_ work: () async throws -> Result) async throws -> Result {
        do {
            return try await work()
        } catch {
            guard let limit, expiry.hasHappened else { throw error }
            throw AgentEventsError(.toolTimedOut, message(limit), cause: error)
        }
    }

    private func expire(_ limit: TimeLimit) async {
        let failure = ToolFailure(code: AgentEventsError.Code.toolTimedOut.rawValue, message: message(limit))
        let completed = ToolCompleted(
            callID: call.id, tool: call.tool, status: .timedOut, error: failure, durationMilliseconds: 0)
        // When the end cannot be logged, no other event can: the body's end reports it.
        if (try? await run.context.endTool(completed, run: run.id)) == true { expiry.happen() }
    }

    private func message(_ limit: TimeLimit) -> String { "the call did not end within \(limit.duration)" }
}
