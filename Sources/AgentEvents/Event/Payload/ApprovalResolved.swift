/// A request for approval is answered or lapses. On the wire: `approval_resolved`.
public struct ApprovalResolved: Hashable, Sendable {
    /// An open request.
    public var approval: ApprovalID
    /// The answer.
    public var decision: ApprovalDecision
    /// Who answered.
    public var by: UserID?
    /// What the answer carries.
    public var data: JSONValue?

    public init(approval: ApprovalID, decision: ApprovalDecision, by: UserID? = nil, data: JSONValue? = nil) {
        self.approval = approval
        self.decision = decision
        self.by = by
        self.data = data
    }
}
