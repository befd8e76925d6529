/// The run is cancelled. On the wire: `agent_cancelled`.
public struct AgentCancelled: Hashable, Sendable {
    /// Why.
    public var reason: String?
    /// Who cancelled it.
    public var by: UserID?
    /// How long it took, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(reason: String? = nil, by: UserID? = nil, durationMilliseconds: Int64) {
        self.reason = reason
        self.by = by
        self.durationMilliseconds = durationMilliseconds
    }
}
