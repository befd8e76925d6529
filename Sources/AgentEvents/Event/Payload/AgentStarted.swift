/// The first event of a run. On the wire: `agent_started`.
public struct AgentStarted: Hashable, Sendable {
    /// What the agent was asked.
    public var input: JSONValue?
    /// The run that started this one, when it is a child.
    public var parentRun: RunID?
    /// The open call of the parent that started this run.
    public var parentCall: CallID?

    public init(input: JSONValue? = nil, parentRun: RunID? = nil, parentCall: CallID? = nil) {
        self.input = input
        self.parentRun = parentRun
        self.parentCall = parentCall
    }
}
