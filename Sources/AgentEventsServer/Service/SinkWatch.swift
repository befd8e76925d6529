import AgentEvents
import CoreMetrics
import Logging
import Synchronization

/// Looks after the sinks of a runtime: shows in metrics how they are doing, and logs what goes wrong. The handles are made
/// once; a label is the name of a sink.
final class SinkWatch: Sendable {
    private struct Meters: Sendable {
        let attempts: Meter
        let refusals: Meter
        let received: Meter
        let setAside: Meter
        let diverged: Meter
        let pendingCommits: Meter
        let failed: Meter
    }

    private let runtime: AgentRuntime
    private let interval: Duration
    private let meters: [Meters]
    private let logger: Logger
    /// What is logged already, in words.
    private let logged = Mutex<Set<String>>([])
    private let end = Gate()

    init(
        runtime: AgentRuntime,
        interval: Duration = .seconds(5),
        factory: any MetricsFactory = MetricsSystem.factory,
        logger: Logger
    ) {
        self.runtime = runtime
        self.interval = interval
        self.logger = logger
        meters = runtime.sinkStates.map { state in
            func meter(_ label: String) -> Meter {
                Meter(label: "agent_events_sink_\(label)", dimensions: [("sink", state.name)], factory: factory)
            }
            return Meters(
                attempts: meter("attempts"), refusals: meter("refusals"), received: meter("received_events"),
                setAside: meter("dead_letters"), diverged: meter("diverged"), pendingCommits: meter("pending_commits"),
                failed: meter("failed"))
        }
    }

    /// Looks again and again, until ``finish()``.
    func run() async {
        guard !meters.isEmpty else { return }
        await withTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    self.look()
                    // Cancelled at the end; what is so far is shown then.
                    try? await Task.sleep(for: self.interval)
                }
            }
            group.addTask { await self.end.wait() }
            await group.next()
            group.cancelAll()
        }
        look()
    }

    func finish() { end.open() }

    private func look() {
        for (meters, state) in zip(meters, runtime.sinkStates) {
            meters.attempts.set(state.attemptCount)
            meters.refusals.set(state.refusalCount)
            meters.received.set(state.receivedCount)
            meters.setAside.set(state.setAsideCount)
            meters.diverged.set(state.divergedCount)
            meters.pendingCommits.set(state.pendingCommitCount)
            meters.failed.set(state.failure == nil ? 0 : 1)
            log(state)
        }
    }

    private func log(_ state: SinkState) {
        if let failure = state.failure {
            note("sink failed, it gets nothing more", of: state, .error, ["error.message": "\(failure)"])
        }
        if state.divergedCount > 0 {
            note(
                "the log lost events that the sink has; it continues after the last one that both have", of: state,
                .warning)
        }
        if state.setAsideCount > 0 { note("events were set aside in the dead letters", of: state, .warning) }
        if state.missedTrimCount > 0 { note("events were trimmed before the sink got them", of: state, .warning) }
    }

    /// Once for each sink and kind; how much it is stands in the metrics.
    private func note(
        _ message: String,
        of state: SinkState,
        _ level: Logger.Level,
        _ metadata: Logger.Metadata = [:]
    ) {
        guard logged.withLock({ $0.insert("\(state.name) \(message)").inserted }) else { return }
        logger.log(
            level: level, "\(message)", metadata: metadata.merging(["sink.name": "\(state.name)"]) { $1 })
    }
}

extension SinkState {
    fileprivate var failure: (any Error)? {
        if case .failed(let failure) = condition { failure } else { nil }
    }
}
