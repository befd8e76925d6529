/// The outcome of a question to a person. A no and a missing answer are values like a yes: the agent decides what to do.
@nonexhaustive
public enum ApprovalOutcome<Form: Sendable>: Sendable {
    /// A yes.
    case approved(ApprovedAnswer<Form>)
    /// A no.
    ///
    /// - Parameters:
    ///   - by: the user who answered.
    ///   - data: what the answer carries besides, such as a reason.
    case denied(by: UserID?, data: JSONValue?)
    /// The time for an answer was over.
    case expired
    /// The run, or somebody, took the question back.
    case cancelled

    /// The reason that a no gives: the text `reason` in its data; `nil` for none, and when it is no no.
    public var reason: String? {
        if case .denied(by: _, let data) = self { data?["reason"]?.stringValue } else { nil }
    }

    /// The answer, when it is a yes.
    ///
    /// - Throws: ``ApprovalRefused``: inside of a tool's body it ends the call as denied.
    public func get() throws(ApprovalRefused) -> ApprovedAnswer<Form> {
        switch self {
        case .approved(let answer): return answer
        case .denied(let by, _): throw ApprovalRefused(.denied, by: by)
        case .expired: throw ApprovalRefused(.expired)
        case .cancelled: throw ApprovalRefused(.cancelled)
        }
    }
}

/// A yes, with what was filled in.
public struct ApprovedAnswer<Form: Sendable>: Sendable {
    /// The data of the form.
    public var form: Form
    /// The arguments that take the place of those of the call; `nil` when they stay as they were shown.
    public var arguments: JSONValue?
    /// The user who answered.
    public var by: UserID?
}

/// Thrown where something is not done because nobody has approved it. A tool call whose body throws it is completed with the
/// status `denied`, and the code `approval.denied`, `approval.expired` or `approval.cancelled`.
public struct ApprovalRefused: CodedError, Hashable, CustomStringConvertible {
    /// Why: ``ApprovalDecision/denied``, ``ApprovalDecision/expired`` or ``ApprovalDecision/cancelled``.
    public var decision: ApprovalDecision
    /// The user who said no.
    public var by: UserID?

    init(_ decision: ApprovalDecision, by: UserID? = nil) {
        self.decision = decision
        self.by = by
    }

    public var eventCode: String { "approval.\(decision.rawValue)" }
    public var eventMessage: String { description }

    public var description: String {
        switch decision {
        case .expired: "nobody has answered in time, and so it is not done"
        case .cancelled: "the question was taken back, and so it is not done"
        case .denied, .approved: "\(by.map { "\($0)" } ?? "somebody") has said no, and so it is not done"
        }
    }
}
