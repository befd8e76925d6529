/// The first event of a run. On the wire: `agent_started`.
public struct AgentStarted: Hashable, Sendable {
    /// What the agent was asked.
    public var input: JSONValue?
    /// The run that started this one, when it is a child.
    public var parentRun: RunID?
    /// The open call of the parent that started this run.
    public var parentCall: CallID?
    /// The longest time in which nothing comes for the run when it is emitted from outside, in milliseconds, from 1000 (a second) to
    /// 86 400 000 (a day): then it ends as `agent_failed`, code `run.lost`. `nil` for
    /// ``RuntimeConfiguration/emittedRunTimeout``. It counts for the runs below this one too; of a run with a parent, and
    /// of one that is hosted in the process of its runtime, it has no effect.
    public var idleTimeoutMilliseconds: Int64?

    public init(
        input: JSONValue? = nil,
        parentRun: RunID? = nil,
        parentCall: CallID? = nil,
        idleTimeoutMilliseconds: Int64? = nil
    ) {
        self.input = input
        self.parentRun = parentRun
        self.parentCall = parentCall
        self.idleTimeoutMilliseconds = idleTimeoutMilliseconds
    }

    /// The shortest and the longest time that a run can ask for.
    package static let idleTimeoutMilliseconds: ClosedRange<Int64> = 1000...86_400_000
}
