public import AgentEvents

/// An agent with a setting of its own for what becomes of its runs when the process that works for them is gone.
public protocol RestartableAgent: ServedAgent {
    /// Asked for with each run that is found open; the same every time. `.resume` counts as `.never` unless the agent is a
    /// ``ResumableAgent``.
    var restart: RestartMode { get }
}

/// An agent that continues a run from what the log has of it, in another process than the one that began it.
///
/// A run whose process was lost while it worked is found `agent_paused`, reason `process_lost`: messages that broke off are
/// `message_completed` with `interrupted`, and calls whose bodies may have begun are `tool_completed` as `failed`, code
/// `tool.lost`, so that the model is told that they may have happened. It is `agent_resumed`, reason `restarted`, and
/// ``resume(_:)`` is called. A run that waits for an answer stays as it is over any number of restarts, and is taken up when
/// the answer comes; one that a person has paused is taken up when it is resumed. The same happens at a shutdown, to runs
/// that have not ended within the grace period.
///
/// ```swift
/// func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
///     for call in resumed.calls {
///         try await resumed.finish(call) { call in try await deploy(call.arguments, idempotencyKey: call.id) }
///     }
///     return try await work(resumed.prompt, resumed.run)
/// }
/// ```
public protocol ResumableAgent: RestartableAgent {
    /// The tools whose bodies may run again for the same call, which has the same id then: those that only read, and those
    /// to which the id is an idempotency key. Their calls stay open when the process is lost. Default: none.
    var repeatableTools: Set<ToolName> { get }

    /// Continues a run. Called like ``ServedAgent/respond(to:run:)``, and ends the run like it. It finishes the calls that are
    /// open, and those child runs (``ResumedRun/finish(_:timeout:_:)``, ``ResumedRun/withChild(_:_:)``): a run does not
    /// complete before.
    ///
    /// - Returns: the run's result, or `nil` for none.
    func resume(_ run: ResumedRun) async throws -> JSONValue?
}

extension ResumableAgent {
    public var restart: RestartMode { .resume }
    public var repeatableTools: Set<ToolName> { [] }
}

extension ServedAgent {
    /// The settings of the agent for the end of its process, or the defaults.
    var recovery: RunRecovery.Policy {
        let mode = (self as? any RestartableAgent)?.restart ?? .never
        guard let resumable = self as? any ResumableAgent else {
            return RunRecovery.Policy(mode == .resume ? .never : mode)
        }
        return RunRecovery.Policy(mode, repeatableTools: resumable.repeatableTools)
    }

    /// Says if the agent asks for runs that are resumed, and does not say how.
    var resumesWithoutSayingHow: Bool {
        (self as? any RestartableAgent)?.restart == .resume && !(self is any ResumableAgent)
    }
}
