import AgentEvents
import CoreMetrics
package import Logging
import Synchronization

/// Looks after the sinks of a runtime: shows in metrics how they are doing, and logs what goes wrong. The handles are
/// made once; a label is the name of a sink, or one of ``SinkErrorReport/answers``.
final class SinkWatch: SinkObserver {
    private struct Metrics: Sendable {
        var taken: TotalCounter
        var refused: TotalCounter
        var received: TotalCounter
        var setAside: TotalCounter
        var diverged: TotalCounter
        let pendingCommits: Meter
        let working: Meter
        let retrying: Meter
        let failed: Meter
        let stopped: Meter

        init(_ sink: String, _ factory: any MetricsFactory) {
            taken = TotalCounter(ServiceMetric.sinkAttempts.counter(sink, "taken", in: factory))
            refused = TotalCounter(ServiceMetric.sinkAttempts.counter(sink, "refused", in: factory))
            received = TotalCounter(ServiceMetric.sinkEvents.counter(sink, in: factory))
            setAside = TotalCounter(ServiceMetric.sinkDeadLetters.counter(sink, in: factory))
            diverged = TotalCounter(ServiceMetric.sinkDiverged.counter(sink, in: factory))
            pendingCommits = ServiceMetric.sinkPendingCommits.meter(sink, in: factory)
            working = ServiceMetric.sinkCondition.meter(sink, "working", in: factory)
            retrying = ServiceMetric.sinkCondition.meter(sink, "retrying", in: factory)
            failed = ServiceMetric.sinkCondition.meter(sink, "failed", in: factory)
            stopped = ServiceMetric.sinkCondition.meter(sink, "stopped", in: factory)
        }

        mutating func show(_ state: SinkState) {
            taken.set(Int64(clamping: state.attemptCount) - Int64(clamping: state.refusalCount))
            refused.set(Int64(clamping: state.refusalCount))
            received.set(Int64(clamping: state.receivedCount))
            setAside.set(Int64(clamping: state.setAsideCount))
            diverged.set(Int64(clamping: state.divergedCount))
            pendingCommits.set(state.pendingCommitCount)
            var (isWorking, isRetrying, hasFailed, isStopped) = (0, 0, 0, 0)
            switch state.condition {
            case .working: isWorking = 1
            case .retrying: isRetrying = 1
            case .failed: hasFailed = 1
            case .stopped: isStopped = 1
            }
            working.set(isWorking)
            retrying.set(isRetrying)
            failed.set(hasFailed)
            stopped.set(isStopped)
        }
    }

    private let runtime: AgentRuntime
    private let interval: Duration
    /// In the order of the sinks.
    private let metrics: Mutex<[Metrics]>
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
        metrics = Mutex(runtime.sinkStates.map { Metrics($0.name, factory) })
        let counters = runtime.sinkStates.map { state in
            let byAnswer = SinkErrorReport.answers.map { answer in
                (answer, ServiceMetric.sinkRefusals.counter(state.name, answer, in: factory))
            }
            return (state.name, Dictionary(uniqueKeysWithValues: byAnswer))
        }
        // Two sinks of one name share a counter, as they share a label.
        refused = Dictionary(counters) { first, _ in first }
        runtime.observeSinks(self)
    }

    /// Looks again and again, until ``finish()``.
    func run() async {
        guard !runtime.sinkStates.isEmpty else { return }
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
        let states = runtime.sinkStates
        metrics.withLock { metrics in
            for (place, state) in states.enumerated() { metrics[place].show(state) }
        }
        for state in states { log(state) }
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
                level: .ofFailure(failures, pause: pause ?? .zero),
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

    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = Int64(min(duration, .seconds(3_155_760_000)) / .milliseconds(1))
        return "\(Double(milliseconds) / 1000)"
    }
}

extension Logger.Level {
    /// A failure is worth a warning at first, and then more and more rarely: the 1st, 2nd, 4th, 8th and so on, and each
    /// one after which nothing is tried for ten minutes.
    ///
    /// - Parameters:
    ///   - number: how often it failed, one after the other.
    ///   - pause: the time until it is tried again.
    package static func ofFailure(_ number: Int, pause: Duration) -> Logger.Level {
        let isPowerOfTwo = number > 0 && number & (number - 1) == 0
        return isPowerOfTwo || pause >= .seconds(600) ? .warning : .debug
    }
}

extension Logger.Metadata {
    fileprivate mutating func describe(_ report: SinkErrorReport) {
        self["error.code"] = "\(report.code)"
        self["error.message"] = "\(report.message)"
        if let status = report.status { self["http.status"] = "\(status)" }
    }
}
