package import AgentEvents
package import CoreMetrics
package import Logging
import Synchronization

/// Watches the agents that still work although their runs have ended: counts them (`agent_events_agents_stuck`), names those
/// that take long in the log, and tells what they return.
package final class StuckBodies: Sendable {
    private struct State {
        var machine: StuckBodiesStateMachine
        var agents: [RunID: StuckAgent] = [:]
    }

    private struct StuckAgent {
        var thread: ThreadID
        var name: AgentName
        var trace: TraceContext?
    }

    private let state: Mutex<State>
    private let environment: Environment
    private let logger: Logger
    private let gauge: Meter
    private let changes = WakeSignal()
    private let onLateResult: @Sendable (LateResult) -> Void

    /// - Parameter patience: the time after which an agent is named.
    package init(
        patience: Duration,
        environment: Environment,
        logger: Logger,
        metrics: any MetricsFactory,
        onLateResult: @escaping @Sendable (LateResult) -> Void
    ) {
        state = Mutex(State(machine: StuckBodiesStateMachine(patience: patience)))
        self.environment = environment
        self.logger = logger
        gauge = ServiceMetric.stuckAgents.meter(in: metrics)
        self.onLateResult = onLateResult
    }

    /// The number of agents that still work although their runs have ended.
    package var count: Int { state.withLock { $0.machine.count } }

    /// The reports of the scope of a run about its body.
    ///
    /// - Parameter trace: says in which trace it was asked for.
    func observer(
        of run: RunID,
        in thread: ThreadID,
        agent: AgentName,
        trace: @escaping @Sendable () -> TraceContext? = { nil }
    ) -> RunBodyObserver {
        RunBodyObserver(
            runDidEnd: {
                let stuck = StuckAgent(thread: thread, name: agent, trace: trace())
                self.state.withLock { [now = self.environment.monotonicNow()] state in
                    state.machine.ended(run, at: now)
                    state.agents[run] = stuck
                }
                self.gauge.increment()
                self.changes.signal()
            },
            bodyDidReturnLate: { result in
                self.onLateResult(LateResult(threadID: thread, runID: run, agent: agent, result: result))
            })
    }

    /// A body has returned, whichever way its run ended.
    func returned(_ run: RunID) {
        let wasCounted = state.withLock { state in
            state.agents[run] = nil
            return state.machine.returned(run)
        }
        if wasCounted { gauge.decrement() }
    }

    /// Names those that take long, until the task is cancelled.
    func watch() async {
        while !Task.isCancelled {
            let (named, rest) = state.withLock { [now = environment.monotonicNow()] state in
                let (runs, rest) = state.machine.time(now)
                return (runs.compactMap { run in state.agents[run].map { (run, $0) } }, rest)
            }
            for (run, agent) in named {
                var metadata: Logger.Metadata = [
                    "thread.id": "\(agent.thread)", "run.id": "\(run)", "agent.name": "\(agent.name)",
                ]
                TraceMetadata.add(agent.trace, to: &metadata)
                logger.warning("agent still works although its run has ended", metadata: metadata)
            }
            guard let rest else {
                _ = await changes.wait()
                continue
            }
            // What ends meanwhile is due later.
            try? await environment.sleep(rest)
        }
    }
}
