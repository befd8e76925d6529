// Answers to requests for approval, decided in the thread's synchronous section like every command.

extension ExecutionContext {
    /// Answers a request for approval, and returns when the answer is committed.
    ///
    /// The first answer counts. The same one again is `unchanged`, with the id of the first; while the run
    /// is paused an answer is logged, and acted upon once it is resumed.
    ///
    /// - Parameter key: as of ``command(_:key:)``.
    /// - Throws: ``AgentEventsError``: `approval.unknown`, `approval.resolved` and `approval.expired` with the answer that
    ///   counts in ``AgentEventsError/details``; `approval.forbidden` for a user who may not answer, and
    ///   `approval.data_invalid` for data that does not fit: then it stays open; `command.invalid` when several runs ask
    ///   under the id, or the answer is to count for later questions (``ApprovalAnswer/grant``) and is not a plain yes to a
    ///   question about a tool call; `key.conflict`, or an error of the log. Then nothing changed.
    public func answer(
        _ answer: ApprovalAnswer,
        key: IdempotencyKey? = nil
    ) async throws(AgentEventsError) -> CommandReceipt {
        let receipt = try await carryOut(answer, key: key)
        try await waitForCommit(at: receipt.position)
        return receipt
    }

    /// Carries an answer out; its event may not be committed yet.
    package func carryOut(
        _ answer: ApprovalAnswer,
        key: IdempotencyKey?
    ) async throws(AgentEventsError) -> CommandReceipt {
        try await carryOut(
            key: key, answer.canonicalText,
            settle: { (request) async throws(AgentEventsError) in try await settle(answer, request) },
            receipt: { (outcome) async throws(AgentEventsError) in try await receipt(of: outcome, answer) })
    }

    enum AnswerOutcome: CommandOutcomeKind {
        case logged(AcceptedBatch, CommandDetails)
        case notOpen
        case refused(AnswerRefusal, CommandDetails)
        case known(EmitReceipt)

        var batch: AcceptedBatch? { if case .logged(let batch, _) = self { batch } else { nil } }

        var decision: ContentionDecision {
            switch self {
            case .logged: .offered
            // By what is known of the thread.
            case .notOpen, .refused: .nothing
            case .known: .final
            }
        }
    }

    private func settle(
        _ answer: ApprovalAnswer,
        _ request: KeyedRequest?
    ) async throws(AgentEventsError) -> AnswerOutcome {
        try await settled { () async throws(AgentEventsError) in
            if let request, let known = try await recall(request.key, request.digest) { return .known(known) }
            if answer.grant != nil { try await prepareGrant() }
            // What is overdue comes to its end first, so that no answer is both in time and too late.
            let time = try path.begin()
            let asked = path.machine.askedApprovals(answer.approvalID)
            switch answer.decide(on: asked, owner: user) {
            case .log(let draft, let details):
                var drafts = path.pausesBeforeAnswer(in: draft.runID) + [draft]
                let given = asked.first { $0.run.id == draft.runID }.flatMap { giving(answer, to: $0, at: time) }
                if let given { drafts.append(EventDraft(.stateUpdated(given))) }
                let emission = Emission(request: request, isIndexed: true, needsRoom: false)
                guard let batch = try path.accept(drafts, emission, at: time) else {
                    preconditionFailure("a run that is open is not looked up")
                }
                if let given { grants?.apply(given) }
                return .logged(batch, details)
            case .lookUp: return .notOpen
            case .refuse(let refusal, let details): return .refused(refusal, details)
            }
        }
    }

    private func receipt(
        of outcome: AnswerOutcome,
        _ answer: ApprovalAnswer
    ) async throws(AgentEventsError) -> CommandReceipt {
        switch outcome {
        case .logged(let batch, let details):
            if batch.accepted.isFull { await services.commit.waitForCapacity() }
            return CommandReceipt(
                .done, cursors: batch.ids, run: details.runs.first?.runID, details: details,
                position: batch.accepted.position)
        case .refused(let refusal, let details):
            // The answer tells of nothing that is not committed yet: the question may be a moment old (I1).
            try await waitForCommit(at: offeredPosition.latest)
            throw AgentEventsError(refusal, of: answer, details)
        case .known(let receipt):
            return CommandReceipt(receipt)
        case .notOpen:
            return try await receipt(ofResolved: answer)
        }
    }

    /// The request is not open: what has become of it, the log says.
    private func receipt(ofResolved answer: ApprovalAnswer) async throws(AgentEventsError) -> CommandReceipt {
        let resolved = try await resolvedApprovals().last { resolved in
            resolved.approvalID == answer.approvalID && (answer.run == nil || resolved.runID == answer.run)
        }
        guard let resolved else {
            throw AgentEventsError(
                .approvalUnknown,
                "nothing is asked under the id \(answer.approvalID) in this thread: answer one of its open requests")
        }
        let details = CommandDetails(
            runs: [CommandDetails.Run(runID: resolved.runID, status: nil)],
            resolution: CommandDetails.Resolution(
                decision: resolved.decision, by: resolved.by, cursor: resolved.cursor))
        if resolved.decision == .expired {
            throw AgentEventsError(
                .approvalExpired,
                "\(answer.approvalID) expired before this answer came: nothing was logged, and nothing can be answered there "
                    + "any longer", details)
        }
        // One that is to count for later questions is another one: nothing of it is in the log.
        guard answer.grant == nil, resolved.decision == answer.decision, try await data(of: resolved) == answer.data
        else {
            let author = resolved.by.map { " by \($0)" } ?? ""
            throw AgentEventsError(
                .approvalResolved,
                "the request \(answer.approvalID) is \(resolved.decision.rawValue)\(author) already, that answer counts",
                details)
        }
        return CommandReceipt(
            .unchanged, cursors: [resolved.cursor], run: resolved.runID, details: details,
            position: offeredPosition.latest)
    }

    /// Checks answers that come as events: they are given by those who may, and their data fits, like those that come as
    /// commands. Those to requests that are not open are left to the order of the thread. That the one who answers has the
    /// right to approve in the thread was checked before.
    ///
    /// - Throws: ``AgentEventsError`` `approval.forbidden` or `approval.data_invalid` with the index of the event.
    func checkAnswers(in drafts: [EventDraft], _ emission: Emission) throws(AgentEventsError) {
        var asked: [ApprovalPlace: ApprovalTerms] = [:]
        for (index, draft) in drafts.enumerated() {
            guard let run = draft.runID else { continue }
            switch draft.payload {
            case .approvalRequested(let request):
                asked[ApprovalPlace(run: run, approval: request.approvalID)] = ApprovalTerms(request) ?? ApprovalTerms()
            case .approvalResolved(let resolved):
                guard let by = resolved.by, resolved.decision == .approved || resolved.decision == .denied else {
                    continue
                }
                var answer = ApprovalAnswer(
                    resolved.approvalID, run: run, isApproved: resolved.decision == .approved, data: resolved.data,
                    by: by)
                answer.hasRight = true
                let place = ApprovalPlace(run: run, approval: resolved.approvalID)
                guard let terms = asked[place] ?? path.machine.terms(of: place) else { continue }
                if let refusal = answer.refusal(by: terms, owner: user) {
                    var error = AgentEventsError(refusal, of: answer, CommandDetails())
                    error.index = index
                    error.details = nil
                    if case .dataInvalid(let fault) = refusal { error.cause = fault.inside(path: "$.data.data") }
                    throw path.noted(error, of: drafts, at: index, emission, services.environment.wallClock.now())
                }
            default:
                continue
            }
        }
    }

    /// The requests of the thread that were resolved last, as far as they are remembered, in the order of their ends.
    func resolvedApprovals() async throws(AgentEventsError) -> [ThreadState.ResolvedApproval] {
        try await waitForCommit(at: offeredPosition.latest)
        return try await mapLogError { () async throws(EventLogError) in
            try await ThreadFold.state(of: thread, in: services.log).resolvedApprovals
        }
    }

    /// The data of an answer; `nil` for none, and for one that was trimmed.
    func data(of resolved: ThreadState.ResolvedApproval) async throws(AgentEventsError) -> JSONValue? {
        let request = LogRead(.thread(thread, after: resolved.cursor.sequence - 1), maximumCount: 1)
        let page = try await mapLogError { () async throws(EventLogError) in try await services.log.read(request) }
        guard let stored = page.events.first, stored.id == resolved.cursor else { return nil }
        let event = try await mapLogError { () async throws(EventLogError) in try stored.decoded() }
        guard case .approvalResolved(let resolved) = event.payload else { return nil }
        return resolved.data
    }
}

extension AgentEventsError {
    init(_ code: Code, _ message: String, _ details: CommandDetails) {
        self.init(code, message)
        self.details = details
    }

    /// The refusal of an answer.
    init(_ refusal: AnswerRefusal, of answer: ApprovalAnswer, _ met: CommandDetails) {
        switch refusal {
        case .forbidden:
            self.init(
                .approvalForbidden, "the request \(answer.approvalID) is not for \(answer.by) to answer, it stays open",
                met)
        case .dataInvalid(let error):
            self.init(
                .approvalDataInvalid, "\(error.problem); the request \(answer.approvalID) stays open", met)
            cause = error
        case .ambiguous:
            self.init(
                .commandInvalid,
                "several open runs ask under the id \(answer.approvalID): name the run whose request it is", met)
        case .notGrantable:
            self.init(
                .commandInvalid,
                "a grant goes with a yes to a question about a tool call, without a form: leave grant out; the request "
                    + "\(answer.approvalID) stays open", met)
        }
    }
}

extension ApprovalAnswer {
    fileprivate var canonicalText: String {
        var writer = JSONWriter()
        let texts = [run?.rawValue, by.rawValue].map { $0.map { JSONValue.string($0) } ?? .null }
        writer.canonical(
            .array(
                [.string("answer"), .string(approvalID.rawValue), .bool(isApproved), data ?? .null] + texts
                    + (grant.map { [$0.json] } ?? [])))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
