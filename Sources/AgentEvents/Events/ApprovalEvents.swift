/// A person is asked for approval. On the wire: `approval_requested`.
public struct ApprovalRequested: Hashable, Sendable {
    /// New in its run.
    public var approvalID: ApprovalID
    /// The open call that waits for it.
    public var callID: CallID?
    /// The question.
    public var prompt: String
    /// The kind of answer that is asked for.
    public var kind: ApprovalKind
    /// JSON Schema of the data that the answer `approved` carries, which is checked by it; an ``ApprovalSchema``. A request
    /// with one that is none is refused when it is emitted.
    public var schema: JSONValue?
    /// Allows the answer to replace the arguments of the call.
    public var isEditable: Bool
    /// The users who may answer, up to 64; empty for all who may approve in the thread, its user first.
    public var approvers: [UserID]
    /// The user who may not answer in any case: the one who asked for the run, where that is to be another one than the one
    /// who answers.
    public var separateFrom: UserID?
    /// When the question expires: `approval_resolved` with the decision `expired` is then logged by itself, and no later
    /// answer is accepted. A time that has already passed makes it expire at once.
    public var expiresAt: Timestamp?

    public init(
        approvalID: ApprovalID,
        callID: CallID? = nil,
        prompt: String,
        kind: ApprovalKind = .approval,
        schema: JSONValue? = nil,
        isEditable: Bool = false,
        approvers: [UserID] = [],
        separateFrom: UserID? = nil,
        expiresAt: Timestamp? = nil
    ) {
        self.approvalID = approvalID
        self.callID = callID
        self.prompt = prompt
        self.kind = kind
        self.schema = schema
        self.isEditable = isEditable
        self.approvers = approvers
        self.separateFrom = separateFrom
        self.expiresAt = expiresAt
    }

    /// - Throws: ``WireError`` with the path from the root of the event.
    func checkSchema() throws(WireError) {
        guard let schema else { return }
        do throws(WireError) {
            _ = try ApprovalSchema(schema)
        } catch {
            throw error.inside(path: "$.data.schema")
        }
    }

    /// The most users that can be named as approvers.
    package static let maximumApproverCount = 64
}

/// The kind of answer that a request asks for, by the names on the wire.
@nonexhaustive
public enum ApprovalKind: String, CaseIterable, Sendable {
    /// A yes or a no.
    case approval
    /// Data that a person fills in; the answer carries it.
    case input
}

/// A request for approval is answered or lapses. On the wire: `approval_resolved`.
public struct ApprovalResolved: Hashable, Sendable {
    /// An open request.
    public var approvalID: ApprovalID
    /// The answer.
    public var decision: ApprovalDecision
    /// The user who answered. Of an answer that comes from outside the service sets it: it is the user whose credentials
    /// the answer came with.
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
    /// The time for an answer was over.
    case expired
    /// The run ended, and with it the question.
    case cancelled
}
