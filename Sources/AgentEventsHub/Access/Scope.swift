/// A kind of use that credentials allow.
@nonexhaustive
public enum Scope: String, CaseIterable, Sendable {
    /// Read the events of threads.
    case read
    /// Log events, as backends do.
    case emit
    /// Send messages and commands to agents, as frontends do. It contains ``approve``.
    case command
    /// Open threads: those whose ids the service makes, or that the principal may choose.
    case open
    /// Decide who may use one's own threads.
    case share
    /// Answer requests for approval.
    case approve
    /// Work for agents, as a program outside that is given runs. It takes ``read`` and ``emit`` besides.
    case serve
    /// Run the service.
    case admin
}
