/// How a request for approval ended, by the names on the wire.
@nonexhaustive
public enum ApprovalDecision: String, CaseIterable, Sendable {
    case approved
    case denied
    case expired
}
