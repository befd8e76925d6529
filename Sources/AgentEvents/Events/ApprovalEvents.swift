/// A person is asked for approval. On the wire: `approval_requested`.
public struct ApprovalRequested: Hashable, Sendable {
    /// New in its run.
    public var approvalID: ApprovalID
    /// The open call that waits for it.
    public var callID: CallID?
    /// The question.
    public var prompt: String
    /// JSON Schema of the data that an answer may carry.
    public var schema: JSONValue?
    /// When the question expires: `approval_resolved` with the decision `expired` is then logged by itself, and no later
    /// answer is accepted. A time that has already passed makes it expire at once.
    public var expiresAt: Timestamp?

    public init(
        approvalID: ApprovalID,
        callID: CallID? = nil,
        prompt: String,
        schema: JSONValue? = nil,
        expiresAt: Timestamp? = nil
    ) {
        self.approvalID = approvalID
        self.callID = callID
        self.prompt = prompt
        self.schema = schema
        self.expiresAt = expiresAt
    }
}

/// A request for approval is answered or lapses. On the wire: `approval_resolved`.
public struct ApprovalResolved: Hashable, Sendable {
    /// An open request.
    public var approvalID: ApprovalID
    /// The answer.
    public var decision: ApprovalDecision
    /// The user who answered.
    public var by: UserID?
    /// Data that the answer carries.
    public var data: JSONValue?

    public init(approvalID: ApprovalID, decision: ApprovalDecision, by: UserID? = nil, data: JSONValue? = nil) {
        self.approvalID = approvalID
        self.decision = decision
        self.by = by
        self.data = data
    }
}

/// The outcome of a request for approval, by the names on the wire.
@nonexhaustive
public enum ApprovalDecision: String, CaseIterable, Sendable {
    case approved
    case denied
    case expired
}
