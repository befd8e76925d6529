public import AgentEvents
import AgentEventsHub
public import CoreMetrics
public import Logging
import Synchronization

/// Makes spans of the runs and tool calls in a log, and has them sent to a tracing system.
///
/// ```swift
/// let exporter = OTLPExporter(try OTLPEndpoint("http://127.0.0.1:4318"))
/// let runtime = AgentRuntime(log: log, sinks: [TraceSink(exporter, log: log).durable])
/// ```
///
/// A run is a span `invoke_agent`, a tool call one of `execute_tool` below it, a child run one below its call or its parent.
/// Names and attributes follow the semantic conventions for generative AI. None holds contents: no text, input, argument,
/// result, reason or message of an error. What they are made of is the log, not the process: runs of programs in any language
/// have them, a run that was taken up by another process is one span, and what is read again is sent with the same ids
/// (``SpanIdentity``).
///
/// Spans are sent in batches of 512, or every 5 seconds. When the collector does not take them, up to 2048 wait, and are sent
/// again after random pauses of up to a minute; further ones are dropped and counted. Nothing waits for a collector, neither
/// a run nor a reader; a stop waits for the request that is under way, and then 5 seconds at most for the rest. The place of
/// the sink in the log moves past what was sent or dropped only: what a process that was killed had not sent, the next one
/// sends.
///
/// A runtime is given ``durable``. The sink by itself is never asked to settle: what does not fill a batch is not sent.
///
/// When a thread is deleted, what waits of it is not sent, and nothing of it is kept. Spans that were sent stay with the
/// collector.
public final class TraceSink: SettlingSink {
    package struct Settings: Sendable {
        package var machine = TraceStateMachine.Settings()
        package var queue = SpanQueueStateMachine.Settings()
        /// The longest time of a request.
        package var requestLimit: Duration = .seconds(5)
        /// The longest time of all requests that begin after a stop did.
        package var stopLimit: Duration = .seconds(5)

        package init() {}
    }

    private struct Work {
        var machine: TraceStateMachine
        var queue: SpanQueueStateMachine
        var metrics: TraceMetrics
        /// The time at which nothing more is sent; `nil` while the runtime does not stop.
        var stopEnd: Duration?
    }

    public let name = "traces"
    private let exporter: any SpanExporter
    private let log: any EventLog
    private let environment: Environment
    private let settings: Settings
    private let logger: Logger
    private let work: Mutex<Work>

    /// - Parameters:
    ///   - exporter: sends the spans.
    ///   - log: the log of the runtime that the sink is given to: what began before the process did is read from it.
    ///   - metrics: the factory of the metrics. Default: that of the process.
    public convenience init(
        _ exporter: any SpanExporter,
        log: any EventLog,
        logger: Logger = Logger(label: "agent-events"),
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.init(exporter, log: log, environment: .system, logger: logger, metrics: metrics)
    }

    package init(
        _ exporter: any SpanExporter,
        log: any EventLog,
        settings: Settings = Settings(),
        environment: Environment,
        logger: Logger,
        metrics: any MetricsFactory
    ) {
        self.exporter = exporter
        self.log = log
        self.settings = settings
        self.environment = environment
        self.logger = logger
        work = Mutex(
            Work(
                machine: TraceStateMachine(settings.machine), queue: SpanQueueStateMachine(settings.queue),
                metrics: TraceMetrics(metrics)))
    }

    /// The sink as a runtime takes it: its place is kept in the log, and saved every 5 seconds.
    public var durable: DurableSink {
        var durable = DurableSink(self)
        durable.savedInterval = .seconds(5)
        durable.savedEventCount = 10_000
        durable.passesOverRefused = true
        return durable
    }

    /// - Throws: ``EventLogError`` when what began earlier cannot be read.
    public func receive(_ batch: SinkBatch) async throws {
        for event in batch.events where TraceStateMachine.isOfInterest(event.bytes) {
            try await receive(try event.decoded())
            await send(isSettling: false, isStopping: false)
        }
    }

    public func settle(isStopping: Bool) async -> Bool {
        await send(isSettling: true, isStopping: isStopping)
        let waiting = work.withLock { work in
            if isStopping { work.stopEnd = nil }
            return work.queue.waitingCount
        }
        if waiting > 0, isStopping {
            logger.notice(
                "spans were not sent before the stop; a durable log has them for the next start",
                metadata: ["spans.count": "\(waiting)"])
        }
        return waiting == 0
    }

    // MARK: Spans

    private func receive(_ event: AgentEvent) async throws(EventLogError) {
        guard let needed = take(event, isRecalled: false) else { return }
        try await recall(needed, before: event)
        _ = take(event, isRecalled: true)
    }

    /// - Returns: the run that is to be made known first.
    private func take(_ event: AgentEvent, isRecalled: Bool) -> RunID? {
        work.withLock { work in
            switch work.machine.receive(event, isRecalled: isRecalled) {
            case .needs(let run): return run
            case .spans(let spans):
                if isRecalled { work.machine.trim() }
                work.queue.add(spans)
                work.metrics.show(work.queue)
                return nil
            }
        }
    }

    /// Reads the thread again from the beginning of a run, or of the run at the top, to an event.
    private func recall(_ run: RunID, before event: AgentEvent) async throws(EventLogError) {
        let thread = event.threadID
        guard var first = try await firstSequence(of: run, in: thread) else { return }
        while true {
            let past = try await machine(from: first, to: event)
            if let above = past.unknownAncestor(of: run, in: thread),
                let earlier = try await firstSequence(of: above, in: thread), earlier < first
            {
                first = earlier
                continue
            }
            return work.withLock { $0.machine.adopt(from: past) }
        }
    }

    private func firstSequence(of run: RunID, in thread: ThreadID) async throws(EventLogError) -> UInt64? {
        guard let log = log as? any RunIndexedLog else { return 1 }
        return try await log.firstSequence(of: run, in: thread)
    }

    /// Receives the events of a thread from a number on, and the one before it, which may be the message that it is about.
    private func machine(
        from first: UInt64,
        to event: AgentEvent
    ) async throws(EventLogError) -> TraceStateMachine {
        // As much of a thread may be open as its context keeps in memory, too.
        var unbounded = settings.machine
        unbounded.maximumOpenCount = .max
        var past = TraceStateMachine(unbounded)
        var after = first > 2 ? first - 2 : 0
        while true {
            let page = try await log.read(LogRead(.thread(event.threadID, after: after)))
            for stored in page.events {
                guard stored.id.sequence < event.sequence else { return past }
                after = stored.id.sequence
                if TraceStateMachine.isOfInterest(stored.bytes) {
                    _ = past.receive(try stored.decoded(), isRecalled: true)
                }
            }
            if page.reachesEnd || page.events.isEmpty { return past }
        }
    }

    // MARK: Sending

    /// Sends what is due, one request after the other, until nothing is or one fails.
    private func send(isSettling: Bool, isStopping: Bool) async {
        while true {
            let now = environment.monotonicNow()
            // A runtime that stops cancels the task of the sink, which may have much to take before the last call.
            let limit = requestLimit(at: now, isStopping: isStopping || Task.isCancelled)
            guard limit > .zero, let spans = work.withLock({ $0.queue.next(at: now, isSettling: isSettling) }) else {
                return
            }
            let result = await exporter.export(spans, within: limit)
            didSend(spans.count, result)
            // However short the pause: the events that come meanwhile are taken first.
            if case .unavailable = result { return }
        }
    }

    /// The longest time of a request that begins now; not above zero when the time of a stop is over.
    private func requestLimit(at now: Duration, isStopping: Bool) -> Duration {
        work.withLock { work in
            guard isStopping else {
                work.stopEnd = nil
                return settings.requestLimit
            }
            let end = work.stopEnd ?? now + settings.stopLimit
            work.stopEnd = end
            return min(settings.requestLimit, end - now)
        }
    }

    private func didSend(_ count: Int, _ result: SpanExportResult) {
        let jitter = environment.randomFraction()
        let now = environment.monotonicNow()
        let (before, failures) = work.withLock { work in
            let before = work.queue.failures
            work.queue.didSend(result, at: now, jitter: jitter)
            work.metrics.count(result, of: count)
            work.metrics.show(work.queue)
            return (before, work.queue.failures)
        }
        tell(count, result, failuresBefore: before, failures: failures)
    }

    private func tell(_ count: Int, _ result: SpanExportResult, failuresBefore before: Int, failures: Int) {
        switch result {
        case .taken(let rejected):
            if before > 0 {
                logger.notice("the collector takes spans again", metadata: ["spans.failures": "\(before)"])
            }
            if rejected > 0 {
                logger.warning("the collector rejected some spans", metadata: ["spans.count": "\(rejected)"])
            }
        case .refused(let problem):
            logger.warning(
                "spans were refused for good", metadata: ["spans.count": "\(count)", "error.message": "\(problem)"])
        case .unavailable(let problem, retryAfter: _):
            logger.log(
                level: .ofFailure(failures, pause: .zero), "spans were not taken, they are sent again",
                metadata: ["spans.failures": "\(failures)", "error.message": "\(problem)"])
        }
    }
}

extension TraceSink: DeletionSink {
    public var erasure: SinkErasure { .impossible }

    public func receive(_ deletion: ThreadDeletedRecord) async throws {
        let thread = TraceSpan.Attribute("gen_ai.conversation.id", .text(deletion.thread.rawValue))
        work.withLock { work in
            work.machine.forget(deletion.thread)
            work.queue.remove { $0.attributes.contains(thread) }
            work.metrics.show(work.queue)
        }
    }
}

/// Counters of spans and requests by their outcome, and the number of spans that wait.
struct TraceMetrics: Sendable {
    private let sent: Counter
    private let rejected: Counter
    private var dropped: TotalCounter
    private let taken: Counter
    private let refused: Counter
    private let failed: Counter
    private let waiting: Meter

    init(_ factory: any MetricsFactory) {
        sent = ServiceMetric.traceSpans.counter("sent", in: factory)
        rejected = ServiceMetric.traceSpans.counter("rejected", in: factory)
        dropped = TotalCounter(ServiceMetric.traceSpans.counter("dropped", in: factory))
        taken = ServiceMetric.traceRequests.counter("taken", in: factory)
        refused = ServiceMetric.traceRequests.counter("refused", in: factory)
        failed = ServiceMetric.traceRequests.counter("failed", in: factory)
        waiting = ServiceMetric.waitingSpans.meter(in: factory)
    }

    func count(_ result: SpanExportResult, of count: Int) {
        switch result {
        case .taken(let rejectedCount):
            taken.increment()
            let lost = min(count, max(0, rejectedCount))
            sent.increment(by: Int64(count - lost))
            rejected.increment(by: Int64(lost))
        case .refused:
            refused.increment()
            rejected.increment(by: Int64(count))
        case .unavailable:
            failed.increment()
        }
    }

    mutating func show(_ queue: SpanQueueStateMachine) {
        dropped.set(queue.droppedCount)
        waiting.set(queue.waitingCount)
    }
}
