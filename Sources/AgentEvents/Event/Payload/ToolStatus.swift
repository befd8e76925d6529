/// How a tool call ended, by the names on the wire.
@nonexhaustive
public enum ToolStatus: String, CaseIterable, Sendable {
    case succeeded
    case failed
    case timedOut = "timed_out"
    case cancelled
    case denied
}
