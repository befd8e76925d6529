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
