extension AgentRun {
    /// The time for an answer when none is given: a day.
    public static var approvalTime: Duration { .seconds(86_400) }

    /// Asks a person for a yes or a no, and waits for the answer: `approval_requested`, then `approval_resolved`. The first
    /// answer counts.
    ///
    /// The question is an event, so it outlives readers and reloads, and everybody who may answer sees it. An answer to a
    /// paused run is logged, and a yes is returned when the run is resumed.
    ///
    /// - Parameters:
    ///   - prompt: the question, for people.
    ///   - call: the open tool call that waits for it; what was shown of it is what is approved.
    ///   - id: the question's id, new in the run; a new one when it is `nil`.
    ///   - approvers: the users who may answer, up to 64; empty for all who may approve in the thread, its user first.
    ///   - isSeparate: whether the user who asked for the run may not answer, as one of ``approvers`` or as the thread's user.
    ///     Where nobody is named, the others who may approve in the thread answer.
    ///   - isEditable: whether the answer may replace the arguments of the call.
    ///   - time: how long an answer is waited for; `nil` for as long as the run lasts.
    /// - Throws: ``AgentEventsError`` when the question is refused or the log fails, `approval.forbidden` when nobody could
    ///   answer it, `order.already_ended` when the run has
    ///   ended by the time of a yes; `CancellationError` when the task is cancelled: the question stays open then, until the
    ///   run ends.
    public func approve(
        _ prompt: String,
        for call: CallID? = nil,
        id: ApprovalID? = nil,
        approvers: [UserID] = [],
        isSeparate: Bool = false,
        isEditable: Bool = false,
        within time: Duration? = approvalTime
    ) async throws -> ApprovalOutcome<Void> {
        let approval = ToolApproval(
            prompt, approvers: approvers, isSeparate: isSeparate, isEditable: isEditable, within: time)
        return try await ask(approval, for: call, id: id) { _ in }
    }

    /// Asks a person to fill in a form, and waits for the answer, whose data is checked by the schema before it counts.
    ///
    /// - Parameters:
    ///   - form: the type of the data.
    ///   - schema: the form; see ``ApprovalSchema``. Data that fits it has to be one that the type can be decoded from.
    /// - Throws: as ``approve(_:for:id:approvers:isSeparate:isEditable:within:)``, and what decoding the type throws.
    public func approve<Form: Decodable & Sendable>(
        _ prompt: String,
        as form: Form.Type,
        _ schema: ApprovalSchema,
        for call: CallID? = nil,
        id: ApprovalID? = nil,
        approvers: [UserID] = [],
        isSeparate: Bool = false,
        isEditable: Bool = false,
        within time: Duration? = approvalTime
    ) async throws -> ApprovalOutcome<Form> {
        let approval = ToolApproval(
            prompt, schema: schema, approvers: approvers, isSeparate: isSeparate, isEditable: isEditable, within: time)
        return try await ask(approval, for: call, id: id) { data in try (data ?? [:]).decode(as: form) }
    }

    /// Asks a person to fill in a form that is made from a Swift type, and waits for the answer.
    ///
    /// ```swift
    /// struct Release: Codable, Sendable {
    ///     enum Environment: String, Codable, CaseIterable { case staging, production }
    ///     var environment: Environment
    ///     var note: String?
    /// }
    ///
    /// switch try await run.approve("Release it where?", for: call.id, as: Release.self) {
    /// case .approved(let answer): try await release(to: answer.form.environment)
    /// case .denied, .expired, .cancelled: break
    /// }
    /// ```
    ///
    /// - Parameter form: the type of the data; which types become which fields, see ``ApprovalSchema/init(of:)``.
    /// - Throws: as ``approve(_:as:_:for:id:approvers:isSeparate:isEditable:within:)``, and ``WireError`` for a type of which no
    ///   form can be made; then nothing was asked.
    public func approve<Form: Decodable & Sendable>(
        _ prompt: String,
        for call: CallID? = nil,
        as form: Form.Type,
        id: ApprovalID? = nil,
        approvers: [UserID] = [],
        isSeparate: Bool = false,
        isEditable: Bool = false,
        within time: Duration? = approvalTime
    ) async throws -> ApprovalOutcome<Form> {
        try await approve(
            prompt, as: form, try ApprovalSchema(of: form), for: call, id: id, approvers: approvers,
            isSeparate: isSeparate, isEditable: isEditable, within: time)
    }

    /// Asks, waits for the answer, and for the run to be resumed when that is a yes.
    ///
    /// - Parameter decode: makes the form of the answer's data, without the arguments for the call.
    func ask<Form: Sendable>(
        _ approval: ToolApproval,
        for call: CallID?,
        id: ApprovalID? = nil,
        _ decode: (JSONValue?) throws -> Form
    ) async throws -> ApprovalOutcome<Form> {
        let asked = try await ask(approval, for: call, id: id, opening: nil)
        return try await outcome(of: asked.request, askedAt: asked.question, decode)
    }

    /// Asks, and does not wait.
    ///
    /// - Parameter opened: the beginning of the call that is asked about, when it begins with the question: then no crash
    ///   leaves a call without its question, whose body might run unasked.
    func ask(
        _ approval: ToolApproval,
        for call: CallID?,
        id: ApprovalID? = nil,
        opening opened: ToolExecuting?
    ) async throws(AgentEventsError) -> ResumedApproval {
        let request = ApprovalRequested(
            approvalID: id ?? identifiers.approvalID(), callID: call, prompt: approval.prompt,
            kind: approval.schema == nil ? .approval : .input, schema: approval.schema?.json,
            isEditable: approval.isEditable, approvers: approval.approvers,
            separateFrom: approval.isSeparate ? author ?? context.user : nil)
        guard ApprovalTerms(request)?.mayAllowAnybody ?? true else {
            throw AgentEventsError(
                .approvalForbidden,
                "nobody could answer the question: name approvers besides \(request.separateFrom ?? context.user), who asked "
                    + "for the run, or none")
        }
        let asked = try await context.ask(request, opening: opened, within: approval.time, agent: agent, run: self.id)
        return ResumedApproval(request, question: asked)
    }

    /// Waits for the answer to a question that was asked, and for the run to be resumed when that is a yes.
    ///
    /// - Parameters:
    ///   - question: the event that asked.
    ///   - decode: makes the form of the answer's data, without the arguments for the call.
    func outcome<Form: Sendable>(
        of request: ApprovalRequested,
        askedAt question: EventID,
        _ decode: (JSONValue?) throws -> Form
    ) async throws -> ApprovalOutcome<Form> {
        let resolved = try await context.answer(
            to: ApprovalPlace(run: self.id, approval: request.approvalID), askedAt: question)
        switch resolved.decision {
        case .approved:
            // A yes that comes while the run is paused is acted upon afterwards.
            try await context.waitToBegin(.agentProgress(AgentProgress()), in: self.id)
            let (arguments, data) = (ApprovalTerms(request) ?? ApprovalTerms()).split(resolved.data)
            return .approved(ApprovedAnswer(form: try decode(data), arguments: arguments, by: resolved.by))
        case .denied: return .denied(by: resolved.by, data: resolved.data)
        case .expired: return .expired
        case .cancelled: return .cancelled
        }
    }
}

extension ExecutionContext {
    /// Asks, once the run is not paused: the time for an answer begins when the question is there.
    ///
    /// - Returns: the event that asks.
    fileprivate func ask(
        _ request: ApprovalRequested,
        opening opened: ToolExecuting?,
        within time: Duration?,
        agent: AgentName,
        run: RunID
    ) async throws(AgentEventsError) -> EventID {
        try await passingGate(of: run) { () async throws(AgentEventsError) in
            var isAnswered = false
            let batch = try await settled { () async throws(AgentEventsError) in
                let right = try await grantRight(for: request, opening: opened, in: run)
                // Nothing comes in between this look at what was granted, and the question.
                let now = try path.begin()
                var request = request
                request.expiresAt = time.map { now.advanced(byMilliseconds: Int64(clamping: $0.wholeMilliseconds)) }
                var drafts = [EventDraft(runID: run, agent: agent, .approvalRequested(request))]
                if let opened { drafts.insert(EventDraft(runID: run, agent: agent, .toolExecuting(opened)), at: 0) }
                let answer = right.flatMap { granted(request, opening: opened, in: run, at: now, $0) }
                if let answer { drafts.append(answer) }
                isAnswered = answer != nil
                return try await acceptBatch(drafts, Emission())
            }
            if batch.accepted.isFull { await services.commit.waitForCapacity() }
            let last = batch.accepted.lastID
            return isAnswered ? EventID(generation: last.generation, sequence: last.sequence - 1) : last
        }
    }

    /// Waits until a request for approval is not open any longer.
    ///
    /// - Parameter question: the event that asked.
    /// - Returns: the event that ended it.
    /// - Throws: `CancellationError` when the task is cancelled meanwhile, ``AgentEventsError`` when the log has failed.
    fileprivate func answer(to asked: ApprovalPlace, askedAt question: EventID) async throws -> ApprovalResolved {
        while path.machine.isOpen(asked) {
            try Task.checkCancellation()
            try path.checkAttempt(of: asked.run, at: .agentProgress(AgentProgress()))
            try path.checkLog()
            // Nothing comes in between the look and the arrival.
            let (gate, place) = path.arrive(at: asked)
            await gate.wait(place)
        }
        await waitForSlot(of: asked.run)
        // While the run does nothing else it waits for the answers to its other questions, and no event tells of it: the answer alone
        // does not show that it works. With its next event it gets a place again.
        services.slotGate.noteRest(owner)
        // Where others write the log too, what happened here may not be what the log says.
        try await waitForCommit(at: offeredPosition.latest)
        return try await mapLogError { () async throws(EventLogError) in
            try await services.log.resolution(of: asked, in: thread, after: question)
        }
    }
}

extension EventLog {
    /// The event that ended a request for approval. Read from the request on: how long the thread is does not matter.
    fileprivate func resolution(
        of asked: ApprovalPlace,
        in thread: ThreadID,
        after question: EventID
    ) async throws(EventLogError) -> ApprovalResolved {
        var position = question.sequence
        while true {
            let page = try await read(LogRead(.thread(thread, after: position)))
            for stored in page.events {
                let event = try stored.decoded()
                if event.runID == asked.run, case .approvalResolved(let resolved) = event.payload,
                    resolved.approvalID == asked.approval
                {
                    return resolved
                }
            }
            guard let last = page.events.last, !page.reachesEnd else {
                throw EventLogError(
                    .failed, "the answer to \(asked.approval) is not in the log, though it was committed")
            }
            position = last.id.sequence
        }
    }
}
