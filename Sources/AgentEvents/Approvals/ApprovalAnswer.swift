/// A person's answer to a request for approval.
public struct ApprovalAnswer: Hashable, Sendable {
    /// The request.
    public var approvalID: ApprovalID
    /// The run that asks; needed where open requests of several runs have the id.
    public var run: RunID?
    /// Yes or no.
    public var isApproved: Bool
    /// Data that the answer carries. That of a yes is checked by the schema of the request; its member `arguments`
    /// replaces all arguments of the call, where the request allows that.
    public var data: JSONValue?
    /// Has a yes count for later questions about the same tool, too; `nil` for this one alone.
    public var grant: ApprovalGrant?
    /// The user who answers.
    public var by: UserID
    /// Whether the user is known to have the right to approve in the thread, also when it is somebody else's.
    package var hasRight = false

    public init(
        _ approvalID: ApprovalID,
        run: RunID? = nil,
        isApproved: Bool,
        data: JSONValue? = nil,
        grant: ApprovalGrant? = nil,
        by: UserID
    ) {
        self.approvalID = approvalID
        self.run = run
        self.isApproved = isApproved
        self.data = data
        self.grant = grant
        self.by = by
    }

    /// The decision as the log has it.
    public var decision: ApprovalDecision { isApproved ? .approved : .denied }
}

/// The outcome of an answer, decided on the open requests that it meets. Nothing is changed by it.
///
/// ```
///                       ┌── one ──┬── of one who may, with data that fits ── log
/// answer ── open? ──────┤         └── refuse: forbidden, dataInvalid, notGrantable
///                       ├── several ── refuse: ambiguous
///                       └── none ── lookUp ──┬── the same answer ── unchanged, with the cursor and the author of the first
///                                            ├── another decision or other data ── refuse: resolved
///                                            ├── its time was over ── refuse: expired
///                                            └── never asked, or long ago ── refuse: unknown
/// ```
///
/// So each request has one answer, and everybody who answers it later is told that one.
package enum AnswerDecision: Hashable, Sendable {
    case log(EventDraft, CommandDetails)
    case lookUp
    case refuse(AnswerRefusal, CommandDetails)
}

/// Why an answer is refused.
package enum AnswerRefusal: Hashable, Sendable {
    case forbidden
    case dataInvalid(WireError)
    case ambiguous
    /// The answer is to count for later questions, and cannot.
    case notGrantable
}

/// An open request as an answer meets it.
package struct AskedApproval: Hashable, Sendable {
    package var approvalID: ApprovalID
    package var run: ThreadOccupancy.Run
    package var terms: ApprovalTerms?
    /// The tool of the call that waits for it.
    package var tool: ToolName?

    package init(
        _ approvalID: ApprovalID,
        of run: ThreadOccupancy.Run,
        _ terms: ApprovalTerms? = nil,
        about tool: ToolName? = nil
    ) {
        self.approvalID = approvalID
        self.run = run
        self.terms = terms
        self.tool = tool
    }
}

extension ApprovalAnswer {
    /// - Parameters:
    ///   - asked: the open requests of the thread.
    ///   - owner: the user of the thread.
    package func decide(on asked: [AskedApproval], owner: UserID) -> AnswerDecision {
        let met = asked.filter { $0.approvalID == approvalID && (run == nil || $0.run.id == run) }
        let details = CommandDetails(runs: met.map { CommandDetails.Run($0.run) })
        guard let asked = met.first else { return .lookUp }
        guard met.count == 1 else { return .refuse(.ambiguous, details) }
        if let refusal = refusal(by: asked.terms ?? ApprovalTerms(), owner: owner) { return .refuse(refusal, details) }
        if grant != nil, !isApproved || asked.tool == nil || asked.terms?.schema != nil {
            return .refuse(.notGrantable, details)
        }
        let resolved = ApprovalResolved(approvalID: approvalID, decision: decision, by: by, data: data)
        return .log(EventDraft(runID: asked.run.id, .approvalResolved(resolved)), details)
    }
}

extension ApprovalAnswer {
    /// Why the answer does not count; `nil` when it does.
    func refusal(by terms: ApprovalTerms, owner: UserID) -> AnswerRefusal? {
        guard terms.allow(by, owner: owner, hasRight: hasRight) else { return .forbidden }
        guard isApproved else { return nil }
        do throws(WireError) {
            try terms.check(data)
            // Nobody's answer looks like that of a grant.
            if terms.schema == nil, data?["grant"]?.stringValue?.hasPrefix(ThreadGrants.keyPrefix) == true {
                throw WireError(
                    .invalidValue, path: "$.grant", "a grant is named only in the answers that it gives by itself")
            }
            return nil
        } catch {
            return .dataInvalid(error)
        }
    }
}

extension ThreadStateMachine {
    /// The conditions of an open request; `nil` when it is not open.
    func terms(of asked: ApprovalPlace) -> ApprovalTerms? {
        guard let open = runs.machine(asked.run)?.work.approvals[asked.approval] else { return nil }
        return open.terms ?? ApprovalTerms()
    }

    /// The open requests for approval of one id, in the order of their runs.
    package func askedApprovals(_ approval: ApprovalID) -> [AskedApproval] {
        let occupancy = occupancy
        return runs.inOrder.compactMap { entry in
            guard let open = entry.machine.work.approvals[approval], let run = occupancy.run(entry.machine.run) else {
                return nil
            }
            let tool = open.call.flatMap { entry.machine.work.calls[$0]?.tool }
            return AskedApproval(approval, of: run, open.terms, about: tool)
        }
    }

    /// A person says something else than yes or no to what is asked in a run and below it: that is a no to each question that
    /// they may answer.
    ///
    /// - Parameters:
    ///   - hasRight: whether the user has the right to approve in the thread, also when it is somebody else's.
    ///   - data: the data of the answers.
    /// - Returns: the answers, in the order of the questions; `nil` when there are questions, and none of them is theirs.
    package func denials(
        in root: RunID,
        by user: UserID,
        owner: UserID,
        hasRight: Bool,
        data: JSONValue
    ) -> [EventDraft]? {
        let asked = occupancy.tree(of: root).flatMap { run in
            run.approvals.map { ApprovalPlace(run: run.id, approval: $0) }
        }
        let own = asked.filter { terms(of: $0)?.allow(user, owner: owner, hasRight: hasRight) ?? false }
        guard asked.isEmpty || !own.isEmpty else { return nil }
        return own.map { place in
            let resolved = ApprovalResolved(approvalID: place.approval, decision: .denied, by: user, data: data)
            return EventDraft(runID: place.run, .approvalResolved(resolved))
        }
    }

    /// Says if a request for approval is open.
    func isOpen(_ asked: ApprovalPlace) -> Bool {
        runs.machine(asked.run)?.work.approvals.isOpen(asked.approval) ?? false
    }
}

/// A request for approval: its id is unique in its run.
struct ApprovalPlace: Hashable, Sendable {
    var run: RunID
    var approval: ApprovalID
}
