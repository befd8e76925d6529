import AgentEvents
import CoreMetrics

/// The metrics of a hub that are asked for, and not kept: brought up to date before they are read.
struct HubGauges: Sendable {
    private let activeRuns: Meter
    private let ready: Meter
    /// `nil` when the log does not tell how large it is.
    private let logSize: Meter?
    private let log: (any MeasuredLog)?
    private let readiness: Readiness
    private let dispatcher: AgentDispatcher

    init(log: any EventLog, readiness: Readiness, dispatcher: AgentDispatcher, factory: any MetricsFactory) {
        self.readiness = readiness
        self.dispatcher = dispatcher
        activeRuns = ServiceMetric.activeRuns.meter(in: factory)
        ready = ServiceMetric.ready.meter(in: factory)
        let log = log as? any MeasuredLog
        self.log = log
        logSize = log.map { _ in ServiceMetric.logSize.meter(in: factory) }
        if let log {
            let flushes = ServiceMetric.flushDuration.timer(in: factory)
            log.observeFlushes { flushes.record($0) }
        }
    }

    func update() {
        activeRuns.set(dispatcher.runningCount)
        ready.set(readiness.phase == .ready ? 1 : 0)
        if let logSize, let log { logSize.set(log.eventByteCount) }
    }
}
