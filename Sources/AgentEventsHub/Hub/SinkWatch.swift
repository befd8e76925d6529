import AgentEvents
import CoreMetrics
import Logging
import Synchronization

/// Looks after the sinks of a runtime: shows in metrics how they are doing, and logs what goes wrong. The handles are
/// made once; a label is the name of a sink, or one of ``SinkErrorReport/answers``.
final class SinkWatch: SinkObserver {
    private struct Meters: Sendable {
        let attempts: Meter
        let refusals: Meter
        let received: Meter
        let setAside: Meter
        let diverged: Meter
        let pendingCommits: Meter
        let failed: Meter
        let stopped: Meter
        let retrying: Meter
    }

    private let runtime: AgentRuntime
    private let interval: Duration
    private let meters: [Meters]
    /// By the name of the sink and the answer.
    private let refused: [String: [String: Counter]]
    private let logger: Logger
    /// The texts that are logged already.
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
                failed: meter("failed"), stopped: meter("stopped"), retrying: meter("retrying"))
        }
        let counters = runtime.sinkStates.map { state in
            let byAnswer = SinkErrorReport.answers.map { answer in
                let dimensions = [("sink", state.name), ("answer", answer)]
                return (answer, Counter(label: "agent_events_sink_refused", dimensions: dimensions, factory: factory))
            }
            return (state.name, Dictionary(uniqueKeysWithValues: byAnswer))
        }
        // Two sinks of one name share a counter, as they share a label.
        refused = Dictionary(counters) { first, _ in first }
        runtime.observeSinks(self)
    }

    /// Looks again and again, until ``finish()``.
    func run() async {
        guard !meters.isEmpty else { return }
        await withTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    self.look()
                    // Cancelled at the end; what is so far is shown then.
                    try? await self.runtime.environment.sleep(self.interval)
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
            var (failed, stopped, retrying) = (0, 0, 0)
            switch state.condition {
            case .working: break
            case .retrying: retrying = 1
            case .failed: failed = 1
            case .stopped: stopped = 1
            }
            meters.failed.set(failed)
            meters.stopped.set(stopped)
            meters.retrying.set(retrying)
            log(state)
        }
    }

    private func log(_ state: SinkState) {
        if state.divergedCount > 0 {
            noteOnce(
                "the log lost events that the sink has; it continues after the last one that both have", of: state)
        }
        if state.missedTrimCount > 0 { noteOnce("events were trimmed before the sink got them", of: state) }
    }

    /// Once for each sink and kind; how much it is stands in the metrics.
    private func noteOnce(_ message: String, of state: SinkState) {
        guard logged.withLock({ $0.insert("\(state.name) \(message)").inserted }) else { return }
        logger.warning("\(message)", metadata: ["sink.name": "\(state.name)"])
    }

    // MARK: Notices

    func note(_ notice: SinkNotice) {
        var metadata: Logger.Metadata = ["sink.name": "\(notice.sink)"]
        switch notice.kind {
        case .refused(let failures, let error, let pause):
            let report = SinkErrorReport(error)
            refused[notice.sink]?[report.answer]?.increment()
            metadata.describe(report)
            metadata["sink.failures"] = "\(failures)"
            metadata["sink.next_try_seconds"] = .string(Self.seconds(pause ?? .zero))
            logger.log(
                level: Self.level(failures: failures, pause: pause ?? .zero),
                "sink did not take events, they are given again", metadata: metadata)
        case .recovered(let failures):
            metadata["sink.failures"] = "\(failures)"
            logger.notice("sink takes events again", metadata: metadata)
        case .setAside(let thread, let event, let attempts, let isKept, let error):
            if let error { metadata.describe(SinkErrorReport(error)) }
            metadata["thread.id"] = "\(thread)"
            metadata["event.id"] = "\(event)"
            metadata["sink.attempts"] = "\(attempts)"
            logger.error(
                isKept
                    ? "an event was set aside in the dead letters"
                    : "an event was set aside, and is in the log of this process only", metadata: metadata)
        case .stopped(let error):
            metadata.describe(SinkErrorReport(error))
            logger.error(
                "sink stopped, it gets nothing more before the next start; its place in the log stays",
                metadata: metadata)
        case .failed(let error):
            metadata.describe(SinkErrorReport(error))
            logger.error("sink failed, it gets nothing more before the next start", metadata: metadata)
        }
    }

    /// A failure is worth a warning at first, and then more and more rarely: the 1st, 2nd, 4th, 8th and so on, and each
    /// one after which nothing is tried for ten minutes.
    static func level(failures: Int, pause: Duration) -> Logger.Level {
        let isPowerOfTwo = failures > 0 && failures & (failures - 1) == 0
        return isPowerOfTwo || pause >= .seconds(600) ? .warning : .debug
    }

    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = Int64(min(duration, .seconds(3_155_760_000)) / .milliseconds(1))
        return "\(Double(milliseconds) / 1000)"
    }
}

extension Logger.Metadata {
    fileprivate mutating func describe(_ report: SinkErrorReport) {
        self["error.code"] = "\(report.code)"
        self["error.message"] = "\(report.message)"
        if let status = report.status { self["http.status"] = "\(status)" }
    }
}
