// For those who work in steps: a language model's answers, and the calls that stand in them.

extension AgentRun {
    /// Begins a call that ``finish(_:timeout:onDenied:_:)`` ends, with its question if it has one. So several calls can be open before
    /// the first of them has a result.
    package func open(
        _ call: ToolExecuting,
        asking approval: ToolApproval? = nil
    ) async throws(AgentEventsError) -> ResumedCall {
        var opened = ResumedCall(call)
        if let approval {
            opened.approval = try await ask(approval, for: call.callID, opening: call)
        } else {
            try await emit(.toolExecuting(call))
        }
        return opened
    }

    /// Ends an open call as failed; one that has ended before stays as it is.
    package func fail(_ call: ResumedCall, _ failure: ToolFailure) async throws(AgentEventsError) {
        let completed = ToolCompleted(
            callID: call.id, tool: call.tool, status: .failed, error: failure, durationMilliseconds: 0)
        _ = try await context.endTool(completed, run: id)
    }

    /// Does the run's work within a time of its own: at its end the run ends as `agent_failed`, code `run.deadline`. Times in which the
    /// run rests do not count; those in which it has worked before do.
    ///
    /// - Parameter deadline: `nil` for no limit.
    package func working<Result>(
        within deadline: Duration?,
        _ body: () async throws -> Result
    ) async throws -> Result {
        guard let limit = TimeLimit(deadline, context.services.configuration) else { return try await body() }
        let (context, run) = (context, id)
        let spent = await context.workedTime(of: run)
        return try await limit.run(body, rest: { await context.restTime(of: run) }, spent: spent) {
            // When the end cannot be logged, no other event can: the body's end reports it.
            _ = try? await context.fail(run, .overdue(limit))
        }
    }

    /// Reports the tokens of a model's answer, and counts them in memory no longer, in one step: whenever the run ends, they are in its
    /// end once.
    package func reportUsage(_ report: UsageReported, of answer: MessageID) async throws(AgentEventsError) {
        try await context.reportUsage(
            EventDraft(runID: id, agent: agent, .usageReported(report)), of: answer, in: usage, run: id)
    }

    /// The sum of the tokens that the run has reported; `nil` for none, and after its end.
    package var reportedTokens: TokenUsage? { get async { await context.reportedTokens(of: id) } }
}

extension ExecutionContext {
    fileprivate func reportedTokens(of run: RunID) -> TokenUsage? { path.machine.reportedTokens(of: run) }

    fileprivate func reportUsage(
        _ draft: EventDraft,
        of answer: MessageID,
        in usage: RunUsage,
        run: RunID
    ) async throws(AgentEventsError) {
        try await passingGate(of: run) { () async throws(AgentEventsError) in
            var emission = Emission()
            emission.reported = ReportedAnswer(usage: usage, answer: answer)
            // Where others write too, the decision of another end waits until this one is in the log.
            let batch = try await settled { [emission] () async throws(AgentEventsError) in
                try await acceptBatch([draft], emission)
            }
            if batch.accepted.isFull { await services.commit.waitForCapacity() }
        }
    }

    fileprivate func workedTime(of run: RunID) -> Duration {
        workedTime(of: run, at: services.environment.wallClock.now())
    }
}
