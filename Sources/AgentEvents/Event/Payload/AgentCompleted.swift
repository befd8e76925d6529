/// The run ends well. On the wire: `agent_completed`.
public struct AgentCompleted: Hashable, Sendable {
    /// What the agent returns.
    public var result: JSONValue?
    /// What it used.
    public var usage: TokenUsage?
    /// How long it took, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(result: JSONValue? = nil, usage: TokenUsage? = nil, durationMilliseconds: Int64) {
        self.result = result
        self.usage = usage
        self.durationMilliseconds = durationMilliseconds
    }
}
