// Grants: answers that count for later questions, too.

extension ExecutionContext {
    /// Takes back what an approver has granted: the next question about the tool is asked again. Returns when that is
    /// committed.
    ///
    /// - Parameters:
    ///   - user: who takes it back; everybody who may approve in the thread may.
    ///   - key: as of ``command(_:key:)``.
    /// - Returns: `done`, or `unchanged` when there was no grant.
    /// - Throws: ``AgentEventsError``: `key.conflict`, or an error of the log.
    @discardableResult
    public func revokeGrant(
        for tool: ToolName,
        by user: UserID,
        key: IdempotencyKey? = nil
    ) async throws(AgentEventsError) -> CommandReceipt {
        let receipt = try await carryOutRevocation(of: tool, by: user, key: key)
        try await waitForCommit(at: receipt.position)
        return receipt
    }

    /// The same; its event may not be committed yet.
    package func carryOutRevocation(
        of tool: ToolName,
        by user: UserID,
        key: IdempotencyKey?
    ) async throws(AgentEventsError) -> CommandReceipt {
        try await carryOut(
            key: key, Self.canonicalText(ofRevoking: tool, by: user),
            settle: { (request) async throws(AgentEventsError) in try await settle(tool, by: user, request) },
            receipt: { (outcome) async throws(AgentEventsError) in await receipt(of: outcome) })
    }

    private func receipt(of outcome: RevocationOutcome) async -> CommandReceipt {
        switch outcome {
        case .logged(let batch):
            if batch.accepted.isFull { await services.commit.waitForCapacity() }
            return CommandReceipt(.done, cursors: batch.ids, position: batch.accepted.position)
        case .unchanged:
            return CommandReceipt(.unchanged, position: offeredPosition.latest)
        case .known(let receipt):
            return CommandReceipt(receipt)
        }
    }

    enum RevocationOutcome: CommandOutcomeKind {
        case logged(AcceptedBatch)
        case unchanged
        case known(EmitReceipt)

        var batch: AcceptedBatch? { if case .logged(let batch) = self { batch } else { nil } }

        var decision: ContentionDecision {
            switch self {
            case .logged: .offered
            // By what is known of the thread.
            case .unchanged: .nothing
            case .known: .final
            }
        }
    }

    private func settle(
        _ tool: ToolName,
        by user: UserID,
        _ request: KeyedRequest?
    ) async throws(AgentEventsError) -> RevocationOutcome {
        try await settled { () async throws(AgentEventsError) in
            if let request, let known = try await recall(request.key, request.digest) { return .known(known) }
            try await loadGrants()
            let time = try path.begin()
            guard let update = grants?.revoking(tool, by: user) else { return .unchanged }
            let emission = Emission(request: request, isIndexed: true)
            guard let batch = try path.accept([EventDraft(.stateUpdated(update))], emission, at: time) else {
                preconditionFailure("an event of the thread names no run")
            }
            grants?.apply(update)
            return .logged(batch)
        }
    }

    private static func canonicalText(ofRevoking tool: ToolName, by user: UserID) -> String {
        var writer = JSONWriter()
        writer.canonical(["revoke", .string(tool.rawValue), .string(user.rawValue)])
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Has ``grants`` be those of the thread as it is now. They are read from the log once; what changes here afterwards is
    /// noted with its event. Where others write too, they are read before each decision: one that others come before is made
    /// again.
    func loadGrants() async throws(AgentEventsError) {
        guard grants == nil || services.isContended else { return }
        // Changes are made only after this has returned, by the caller that asked first: none comes in between.
        try await waitForCommit(at: offeredPosition.latest)
        let state = try await mapLogError { () async throws(EventLogError) in
            try await ThreadFold.state(of: thread, in: services.log)
        }
        guard grants == nil || services.isContended else { return }
        grants = ThreadGrants(state.entries)
    }

    /// The event that goes with an answer which counts for later questions, too.
    func giving(_ answer: ApprovalAnswer, to asked: AskedApproval, at time: Timestamp) -> StateUpdated? {
        guard let grant = answer.grant, let tool = asked.tool else { return nil }
        return grants?.giving(grant, for: tool, by: answer.by, in: path.machine.root(of: asked.run.id), at: time)
    }

    /// The answer that was given to a question before it is asked; `nil` when people are to answer it.
    ///
    /// - Parameter opened: the beginning of the call, when it begins with the question. Of a call that began before, the
    ///   arguments are not at hand.
    func granted(
        _ request: ApprovalRequested,
        opening opened: ToolExecuting?,
        in run: RunID,
        at time: Timestamp
    ) -> EventDraft? {
        guard let grants, let call = request.callID,
            let tool = opened?.tool ?? path.machine.tool(ofCall: call, in: run)
        else { return nil }
        let answer = grants.answer(
            request, about: tool, opened?.arguments, in: path.machine.root(of: run), owner: user, at: time)
        return answer.map { EventDraft(runID: run, .approvalResolved($0)) }
    }
}
