/// The run ends with an error. On the wire: `agent_failed`.
public struct AgentFailed: Hashable, Sendable {
    /// What went wrong.
    public var error: RunFailure
    /// How long it took, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(error: RunFailure, durationMilliseconds: Int64) {
        self.error = error
        self.durationMilliseconds = durationMilliseconds
    }
}
