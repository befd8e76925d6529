/// How far the run is. On the wire: `agent_progress`.
public struct AgentProgress: Hashable, Sendable {
    /// In words.
    public var message: String?
    /// 0 to 1.
    public var fraction: Double?
    /// The current step; at least 0.
    public var step: Int?
    /// How many steps there are.
    public var total: Int?

    public init(message: String? = nil, fraction: Double? = nil, step: Int? = nil, total: Int? = nil) {
        self.message = message
        self.fraction = fraction
        self.step = step
        self.total = total
    }
}
