/// Who speaks in a message, by the names on the wire.
@nonexhaustive
public enum MessageRole: String, CaseIterable, Sendable {
    case assistant
    case user
    case system
    case tool
}
