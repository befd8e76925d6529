extension AgentRun {
    /// The time for an answer when none is given: a day.
    public static var approvalTime: Duration { .seconds(86_400) }

    /// Asks a person for a yes or a no, and waits for the answer: `approval_requested`, then `approval_resolved`, by
    /// whoever answers first.
    ///
    /// The question is an event, so it outlives readers and reloads, and everybody who may answer sees it. While the run is
    /// paused an answer is logged, and this returns when the run is resumed.
    ///
    /// - Parameters:
    ///   - prompt: the question, for people.
    ///   - call: the open tool call that waits for it; what was shown of it is what is approved.
    ///   - id: the question's id, new in the run; a new one when it is `nil`.
    ///   - approvers: the users who may answer, up to 64; empty for the user of the thread.
    ///   - isEditable: whether the answer may replace the arguments of the call.
    ///   - time: how long an answer is waited for; `nil` for as long as the run lasts.
    /// - Throws: ``AgentEventsError`` when the question is refused or the log fails, `order.already_ended` when the run has
    ///   ended by the time of a yes; `CancellationError` when the task is cancelled: the question stays open then, until the
    ///   run ends.
    public func approve(
        _ prompt: String,
        for call: CallID? = nil,
        id: ApprovalID? = nil,
        approvers: [UserID] = [],
        isEditable: Bool = false,
        within time: Duration? = approvalTime
    ) async throws -> ApprovalOutcome<Void> {
        let request = request(prompt, .approval, call, id, approvers, isEditable, time)
        return try await ask(request) { _ in }
    }

    /// Asks a person to fill in a form, and waits for the answer, whose data is checked by the schema before it counts.
    ///
    /// - Parameters:
    ///   - form: the type of the data.
    ///   - schema: the form; see ``ApprovalSchema``. Data that fits it has to be one that the type can be decoded from.
    /// - Throws: as ``approve(_:for:id:approvers:isEditable:within:)``, and what decoding the type throws.
    public func approve<Form: Decodable & Sendable>(
        _ prompt: String,
        as form: Form.Type,
        _ schema: ApprovalSchema,
        for call: CallID? = nil,
        id: ApprovalID? = nil,
        approvers: [UserID] = [],
        isEditable: Bool = false,
        within time: Duration? = approvalTime
    ) async throws -> ApprovalOutcome<Form> {
        var request = request(prompt, .input, call, id, approvers, isEditable, time)
        request.schema = schema.json
        return try await ask(request) { data in try (data ?? [:]).decode(as: form) }
    }

    func ask(_ approval: ToolApproval, for call: CallID) async throws -> ApprovalOutcome<JSONValue?> {
        var request = request(
            approval.prompt, approval.schema == nil ? .approval : .input, call, nil, approval.approvers,
            approval.isEditable, approval.time)
        request.schema = approval.schema?.json
        return try await ask(request) { $0 }
    }

    private func request(
        _ prompt: String,
        _ kind: ApprovalKind,
        _ call: CallID?,
        _ id: ApprovalID?,
        _ approvers: [UserID],
        _ isEditable: Bool,
        _ time: Duration?
    ) -> ApprovalRequested {
        let configuration = context.services.configuration
        let now = context.services.environment.wallClock.now()
        return ApprovalRequested(
            approvalID: id ?? configuration.identifiers.approvalID(), callID: call, prompt: prompt, kind: kind,
            isEditable: isEditable, approvers: approvers,
            expiresAt: time.map { now.advanced(byMilliseconds: Int64(clamping: $0.wholeMilliseconds)) })
    }

    private func ask<Form: Sendable>(
        _ request: ApprovalRequested,
        _ decode: (JSONValue?) throws -> Form
    ) async throws -> ApprovalOutcome<Form> {
        try await emit(.approvalRequested(request))
        let resolved = try await context.answer(to: ApprovalPlace(run: id, approval: request.approvalID))
        switch resolved.decision {
        case .approved:
            // A yes that comes while the run is paused is acted upon afterwards.
            try await context.waitToBegin(.agentProgress(AgentProgress()), in: id)
            let (arguments, data) = Self.split(resolved.data, isEditable: request.isEditable)
            return .approved(ApprovedAnswer(form: try decode(data), arguments: arguments, by: resolved.by))
        case .denied: return .denied(by: resolved.by, data: resolved.data)
        case .expired: return .expired
        case .cancelled: return .cancelled
        }
    }

    /// The arguments that an answer has for the call, and the rest of its data.
    private static func split(_ data: JSONValue?, isEditable: Bool) -> (arguments: JSONValue?, rest: JSONValue?) {
        guard isEditable, let object = data?.objectValue, let arguments = object[ApprovalTerms.argumentsMember] else {
            return (nil, data)
        }
        return (
            arguments, .object(JSONObject(uniqueMembers: object.filter { $0.key != ApprovalTerms.argumentsMember }))
        )
    }
}

extension ExecutionContext {
    /// Waits until a request for approval is not open any longer.
    ///
    /// - Returns: the event that says so.
    /// - Throws: `CancellationError` when the task is cancelled meanwhile.
    func answer(to asked: ApprovalPlace) async throws -> ApprovalResolved {
        while path.machine.isOpen(asked) {
            try Task.checkCancellation()
            // Nothing comes in between the look and the arrival.
            let (gate, place) = path.arrive(at: asked)
            await gate.wait(place)
        }
        // Others may work in the place that the run had.
        await services.slotGate.wait(thread, path.machine.root(of: asked.run))
        // Where others write the log too, what happened here may not be what the log says.
        let resolved = try await resolvedApprovals().last { $0.runID == asked.run && $0.approvalID == asked.approval }
        guard let resolved else {
            throw AgentEventsError(
                .approvalUnknown, "the answer to \(asked.approval) is not remembered any longer: it was given long ago")
        }
        return ApprovalResolved(
            approvalID: resolved.approvalID, decision: resolved.decision, by: resolved.by,
            data: try await data(of: resolved))
    }
}
