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
            let emission = Emission(request: request, isIndexed: true, needsRoom: false)
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

    /// As ``loadGrants()``, for a question: of a thread in which nobody has ever given a grant, nothing is read. Where the log
    /// keeps values, that is marked beside it.
    private func loadGrantsForQuestion() async throws(AgentEventsError) {
        if services.isContended { (grants, hasNoGrants) = (nil, false) }
        guard grants == nil, !hasNoGrants else { return }
        guard let store = services.log as? any StateStore else { return try await loadGrants() }
        let mark = try await mapLogError { () async throws(EventLogError) in
            try await store.load(.grant, thread: thread, name: "")
        }
        guard mark == nil else { return try await loadGrants() }
        // One may have been given meanwhile.
        if grants == nil { hasNoGrants = true }
    }

    /// Somebody is about to give a grant. The mark is there before the event is: it may say too much, and never too little.
    func prepareGrant() async throws(AgentEventsError) {
        if let store = services.log as? any StateStore {
            try await mapLogError { () async throws(EventLogError) in
                guard try await store.load(.grant, thread: thread, name: "") == nil else { return }
                try await store.save([StoredValue(.grant, thread: thread, name: "", bytes: [])])
            }
        }
        try await loadGrants()
    }

    /// The event that goes with an answer which counts for later questions, too.
    func giving(_ answer: ApprovalAnswer, to asked: AskedApproval, at time: Timestamp) -> StateUpdated? {
        guard let grant = answer.grant, let tool = asked.tool else { return nil }
        return grants?.giving(grant, for: tool, by: answer.by, in: path.machine.root(of: asked.run.id), at: time)
    }

    /// Looks at the right of the one whose grant would answer a question. It is looked at when the grant is used, as that of
    /// somebody who answers is: a grant ends with the rights of its giver.
    ///
    /// - Parameters: as of ``granted(_:opening:in:at:_:)``.
    /// - Returns: `nil` when no grant would answer.
    func grantRight(
        for request: ApprovalRequested,
        opening opened: ToolExecuting?,
        in run: RunID
    ) async throws(AgentEventsError) -> GrantRight? {
        guard request.callID != nil, request.schema == nil else { return nil }
        try await loadGrantsForQuestion()
        let answer = granted(request, opening: opened, in: run, at: path.head.lastTime)
        guard case .approvalResolved(let resolved)? = answer?.payload, let giver = resolved.by else { return nil }
        return GrantRight(user: giver, mayApprove: await services.approvalRights.mayApprove(giver, in: owner))
    }

    /// The answer that was given to a question before it is asked; `nil` when people are to answer it.
    ///
    /// - Parameters:
    ///   - opened: the beginning of the call, when it begins with the question. Of a call that began before, the arguments are
    ///     not at hand.
    ///   - right: the right of the one who gave the grant; `nil` to look at everything else.
    func granted(
        _ request: ApprovalRequested,
        opening opened: ToolExecuting?,
        in run: RunID,
        at time: Timestamp,
        _ right: GrantRight? = nil
    ) -> EventDraft? {
        guard let grants, let call = request.callID,
            let tool = opened?.tool ?? path.machine.tool(ofCall: call, in: run)
        else { return nil }
        let answer = grants.answer(
            request, about: tool, opened?.arguments, in: path.machine.root(of: run), owner: user, at: time,
            hasRight: { user in right.map { $0.isRight(of: user) } ?? true })
        return answer.map { EventDraft(runID: run, .approvalResolved($0)) }
    }
}

/// The right of the one who gave a grant to approve in its thread, as it was found a moment ago.
struct GrantRight: Hashable, Sendable {
    var user: UserID
    /// `nil` when nobody knows.
    var mayApprove: Bool?

    /// Whether the right is that of a user; `nil` when nothing counts that the user has given.
    func isRight(of other: UserID) -> Bool? {
        // Somebody else has given another grant meanwhile.
        guard user == other, mayApprove != false else { return nil }
        return mayApprove ?? false
    }
}
