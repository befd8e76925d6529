public import AgentEvents

/// The result of an agent whose run had ended before: by a command, at its deadline, with the service. Nobody gets it.
public struct LateResult: Sendable {
    /// The thread of the run.
    public var threadID: ThreadID
    /// The run that has ended.
    public var runID: RunID
    /// The agent.
    public var agent: AgentName
    /// The agent's result, or the error that it threw; not the errors by which it learns that it was stopped.
    public var result: Result<JSONValue?, any Error>
}
