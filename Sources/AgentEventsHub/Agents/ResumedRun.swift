public import AgentEvents

/// A run that another process has begun, in the hands of the agent that continues it.
public struct ResumedRun: Sendable {
    /// The run: what is done with it continues what the log has.
    public let run: AgentRun
    /// The request that the run answers. Messages that it has taken since are in its history.
    public let prompt: UserPrompt
    /// The number of this attempt, from 1. It rises with each process that was lost while it worked for the run; waiting for
    /// a person does not count. Systems outside can use it to tell this attempt from an earlier one that is not over.
    public let attempt: Int
    /// The calls that are open, in the order in which they were made.
    public let calls: [ResumedCall]
    /// The questions that the run asked last without a call, and has not gone on from; in their order.
    public let approvals: [ResumedApproval]
    /// The child runs that are open, in the order in which they began.
    public let children: [ResumedChild]

    init(_ run: AgentRun, _ work: ResumedWork, _ prompt: UserPrompt) {
        self.run = run
        self.prompt = prompt
        attempt = work.attempt
        calls = work.calls
        approvals = work.approvals
        children = work.children.compactMap { ResumedChild($0) }
    }

    /// Ends an open call: waits for its approval if there is a question about it, runs the body and emits `tool_completed`.
    /// The call has the id that it had: the body of one that waited runs for the first time, that of a repeatable tool again.
    ///
    /// - Parameters:
    ///   - timeout: how long the body may take; ``RuntimeConfiguration/toolTimeout`` when it is `nil`.
    ///   - onDenied: what follows from a no, and from no answer in time.
    ///   - body: what the tool does; as of `AgentRun.tool`.
    /// - Returns: what the body returns.
    /// - Throws: as `AgentRun.tool`; `ApprovalRefused` after `tool_completed` with the status `denied` when the answer is not
    ///   a yes.
    @discardableResult
    public func finish<Result: Sendable>(
        _ call: ResumedCall,
        timeout: Duration? = nil,
        onDenied: ToolApproval.Denial = .throwError,
        _ body: @escaping @Sendable (ToolCall) async throws -> Result
    ) async throws -> Result {
        try await run.finish(call, timeout: timeout, onDenied: onDenied, body)
    }

    /// Waits for the answer to a question that was asked before; the form is the answer's data.
    ///
    /// - Throws: as `AgentRun.approve`.
    public func answer(to approval: ResumedApproval) async throws -> ApprovalOutcome<JSONValue?> {
        await run.waitAgain(for: approval)
        return try await run.outcome(of: approval) { $0 }
    }

    /// Continues a child run for the length of a scope, and ends it, whichever way the body ends.
    ///
    /// - Parameter body: the child. What it returns is the child's result when it is `Encodable`.
    /// - Returns: what the body returns.
    /// - Throws: as `AgentRun.withChild`.
    @discardableResult
    public func withChild<Result: Sendable>(
        _ child: ResumedChild,
        _ body: @escaping @Sendable (ResumedRun) async throws -> Result
    ) async throws -> Result {
        let (work, author) = (child.work, prompt.author)
        let log = run.context.storedLog
        return try await run.withResumed(child.accepted) { run in
            let prompt = try await QueuedPrompt(work, thread: run.context.thread, author: author).read(from: log)
            return try await body(ResumedRun(run.asked(by: self.run.author ?? author), work, prompt))
        }
    }
}

/// A child run that stayed open with its parent. It is continued by ``ResumedRun/withChild(_:_:)``.
public struct ResumedChild: Sendable {
    /// The child's id.
    public let id: RunID
    /// The child's agent.
    public let agent: AgentName
    /// The call of its parent that it belongs to; `nil` for none.
    public let call: CallID?
    let accepted: AcceptedRun
    let work: ResumedWork

    init?(_ work: ResumedWork) {
        guard let accepted = work.run else { return nil }
        id = accepted.id
        agent = accepted.agent
        call = work.parentCall
        self.accepted = accepted
        self.work = work
    }
}
