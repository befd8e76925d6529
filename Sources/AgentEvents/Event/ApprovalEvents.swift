/// A person is asked for approval. On the wire: `approval_requested`.
public struct ApprovalRequested: Hashable, Sendable {
    /// New in its run.
    public var approval: ApprovalID
    /// The open call that waits for it.
    public var call: CallID?
    /// What is asked.
    public var prompt: String
    /// JSON Schema of the data that an answer may carry.
    public var schema: JSONValue?
    /// When the question expires: then `approval_resolved`, decision `expired`, is logged without anybody's doing, and no
    /// later answer is taken. One that is past already expires at once.
    public var expiresAt: Timestamp?

    public init(
        approval: ApprovalID,
        call: CallID? = nil,
        prompt: String,
        schema: JSONValue? = nil,
        expiresAt: Timestamp? = nil
    ) {
        self.approval = approval
        self.call = call
        self.prompt = prompt
        self.schema = schema
        self.expiresAt = expiresAt
    }
}

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

/// How a request for approval ended, by the names on the wire.
@nonexhaustive
public enum ApprovalDecision: String, CaseIterable, Sendable {
    case approved
    case denied
    case expired
}
