/// A kind of use that credentials allow.
@nonexhaustive
public enum Scope: String, CaseIterable, Sendable {
    /// Read the events of threads.
    case read
    /// Log events, as backends do.
    case emit
    /// Send messages and commands to agents, as frontends do.
    case command
}
