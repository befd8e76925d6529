/// Emits the beginning and the end of a tool call around its body, and the end at its time limit.
struct ToolScope: Sendable {
    let run: AgentRun
    private let callID: CallID
    private let tool: ToolName
    private let purpose: String?
    private let approval: ToolApproval?
    private let onDenied: ToolApproval.Denial
    /// The call itself, when it was begun before.
    private let resumed: ResumedCall?
    private let limit: TimeLimit?
    private let expiry = Expiry()

    /// - Parameters:
    ///   - id: the call's id; a new one when it is `nil`.
    ///   - timeout: how long the call may take; the configured time when it is `nil`.
    init(
        run: AgentRun,
        id: CallID? = nil,
        tool: ToolName,
        purpose: String?,
        approval: ToolApproval? = nil,
        timeout: Duration? = nil
    ) {
        let configuration = run.context.services.configuration
        self.run = run
        self.purpose = purpose
        self.tool = tool
        self.approval = approval
        onDenied = approval?.onDenied ?? .throwError
        resumed = nil
        callID = id ?? run.identifiers.callID()
        limit = TimeLimit(timeout ?? configuration.toolTimeout, configuration)
    }

    /// The scope of a call that is open.
    ///
    /// - Parameter question: to be asked first, when none was asked yet.
    init(
        run: AgentRun,
        resumed call: ResumedCall,
        timeout: Duration?,
        onDenied: ToolApproval.Denial,
        asking question: ToolApproval?
    ) {
        let configuration = run.context.services.configuration
        self.run = run
        (callID, tool, purpose, approval) = (call.id, call.tool, call.purpose, question)
        self.onDenied = onDenied
        resumed = call
        limit = TimeLimit(timeout ?? configuration.toolTimeout, configuration)
    }

    func run<Result>(
        _ arguments: some Encodable & Sendable,
        _ body: (ToolCall) async throws -> Result
    ) async throws -> Result {
        let call = try await begin(arguments)
        return try await ending {
            guard let limit else { return try await complete(call, body) }
            return try await limit.run({ try await complete(call, body) }, expire: { await expire(limit) })
        }
    }

    /// As ``run(_:_:)``, with a body that is cancelled when its time is over.
    func runCancelling<Result: Sendable>(
        _ arguments: some Encodable & Sendable,
        _ body: @escaping @Sendable (ToolCall) async throws -> Result
    ) async throws -> Result {
        let call = try await begin(arguments)
        return try await ending {
            guard let limit else { return try await complete(call, body) }
            return try await limit.runCancelling({ try await complete(call, body) }, expire: { await expire(limit) })
        }
    }

    /// Starts the call, and asks for its approval. A question, or a pause, between its start and that of the body holds the
    /// body back, and a no or the end of the run prevents it; none of that takes of the call's time.
    private func begin(_ arguments: some Encodable & Sendable) async throws -> ToolCall {
        let arguments = try JSONValue(converting: arguments)
        let executing = ToolExecuting(callID: callID, tool: tool, arguments: arguments, purpose: purpose)
        let asked = try await open(executing)
        do {
            var approved: ApprovedAnswer<JSONValue?>?
            if let asked { approved = try await run.outcome(of: asked) { $0 }.get() }
            try await run.context.waitToBegin(.toolExecuting(executing), in: run.id)
            return ToolCall(
                id: callID, tool: tool, run: run, arguments: approved?.arguments ?? arguments, approval: approved)
        } catch {
            try await end(after: error)
            throw error
        }
    }

    /// - Returns: the question whose answer is waited for; `nil` for none.
    private func open(_ executing: ToolExecuting) async throws(AgentEventsError) -> ResumedApproval? {
        if let resumed {
            if let asked = resumed.approval {
                await run.waitAgain(for: asked)
                return asked
            }
            guard let approval else { return nil }
            return try await run.ask(approval, for: callID, opening: nil)
        }
        if let approval { return try await run.ask(approval, for: callID, opening: executing) }
        try await run.emit(.toolExecuting(executing))
        return nil
    }

    private func complete<Result>(
        _ call: ToolCall,
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
            callID: callID, tool: tool, status: status(after: error),
            error: ToolFailure(describing: error), durationMilliseconds: 0)
        do throws(AgentEventsError) {
            // There may be nothing left to end: at its time, or with its run, the call has ended already.
            _ = try await run.context.endTool(completed, run: run.id, failing: failure(after: error))
        } catch let unlogged {
            throw unlogged.endingAfter(error)
        }
    }

    /// The error with which the run fails when people have refused a call; `nil` when it continues.
    private func failure(after error: any Error) -> RunFailure? {
        guard onDenied == .fail, let refused = error as? ApprovalRefused, refused.decision != .cancelled else {
            return nil
        }
        return RunFailure(describing: refused)
    }

    private func status(after error: any Error) -> ToolStatus {
        if isCancellation(error) { return .cancelled }
        return error is ApprovalRefused ? .denied : .failed
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
            callID: callID, tool: tool, status: .timedOut, error: failure, durationMilliseconds: 0)
        // When the end cannot be logged, no other event can: the body's end reports it.
        if (try? await run.context.endTool(completed, run: run.id)) == true { expiry.happen() }
    }

    private func message(_ limit: TimeLimit) -> String { "the call did not end within \(limit.duration)" }
}
