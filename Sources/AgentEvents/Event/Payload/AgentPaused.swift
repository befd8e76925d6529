/// The run is paused. On the wire: `agent_paused`.
public struct AgentPaused: Hashable, Sendable {
    /// Who paused it.
    public var by: UserID?
    /// Why.
    public var reason: String?

    public init(by: UserID? = nil, reason: String? = nil) {
        self.by = by
        self.reason = reason
    }
}

/// The run goes on. On the wire: `agent_resumed`.
public struct AgentResumed: Hashable, Sendable {
    /// Who resumed it.
    public var by: UserID?
    /// Why.
    public var reason: String?

    public init(by: UserID? = nil, reason: String? = nil) {
        self.by = by
        self.reason = reason
    }
}
