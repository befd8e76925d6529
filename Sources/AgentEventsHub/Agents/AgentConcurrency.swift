public import AgentEvents

/// The settings of an agent for threads that are busy.
public struct AgentConcurrency: Sendable {
    /// The policy for requests that name none; `nil` for that of the service (``HubConfiguration/concurrencyPolicy``).
    public var policy: ConcurrencyPolicy?
    /// The policies that a request may ask for, besides the one that counts without asking; others are refused with
    /// `policy.not_allowed`. Default: all but ``ConcurrencyPolicy/parallel``, for which an agent has to be made.
    public var allowedPolicies: Set<ConcurrencyPolicy> = [.reject, .queue, .supersede, .rollback, .steer]
    /// The most runs of a thread that are open beside each other under ``ConcurrencyPolicy/parallel``; at least 1.
    /// Default: 4.
    public var parallelLimit = 4
    /// The longest time that a run which supersedes others waits for the work for these to return, so that no two write
    /// the same file at once. Default: 5 seconds.
    public var settleTime: Duration = .seconds(5)
    /// Says if a run that starts takes all queued messages for its agent: their runs end as `agent_cancelled`, reason
    /// `merged`. Default: `false`.
    public var mergesQueued = false
    /// Says if a run takes messages while it is under way (``AgentRun/takeInput()``), which ``ConcurrencyPolicy/steer``
    /// needs. Default: `false`.
    public var takesInput = false

    /// - Parameter policy: the policy for requests that name none; `nil` for that of the service.
    public init(policy: ConcurrencyPolicy? = nil) { self.policy = policy }
}

/// An agent with settings of its own for threads that are busy.
public protocol ConcurrentAgent: ServedAgent {
    /// Asked for with each message; the same every time.
    var concurrency: AgentConcurrency { get }
}

extension ServedAgent {
    /// The settings of the agent, or the defaults.
    var settings: AgentConcurrency { (self as? any ConcurrentAgent)?.concurrency ?? AgentConcurrency() }
}
