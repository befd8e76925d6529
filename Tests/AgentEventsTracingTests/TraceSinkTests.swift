import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import CoreMetrics
import Logging
import MetricsTestKit
import Synchronization
import Testing

@testable import AgentEventsTracing

/// Takes spans, or not, as it is told, and remembers what it was sent.
private final class Collector: SpanExporter {
    struct State {
        var requests: [[TraceSpan]] = []
        var limits: [Duration] = []
        var result = SpanExportResult.taken(rejectedCount: 0)
        var work: @Sendable () -> Void = {}
    }

    private let state = Mutex(State())

    func export(_ spans: [TraceSpan], within limit: Duration) async -> SpanExportResult {
        let (result, work) = state.withLock { state in
            state.requests.append(spans)
            state.limits.append(limit)
            return (state.result, state.work)
        }
        work()
        return result
    }

    /// What happens during each request.
    func meanwhile(_ work: @escaping @Sendable () -> Void) { state.withLock { $0.work = work } }

    func answer(_ result: SpanExportResult) { state.withLock { $0.result = result } }
    var requests: [[TraceSpan]] { state.withLock { $0.requests } }
    var spans: [TraceSpan] { requests.flatMap(\.self) }
    var limits: [Duration] { state.withLock { $0.limits } }
}

/// The sink over a log: what it makes of it, whatever happens to its process and to the collector.
struct TraceSinkTests {
    private let clock = ManualClock()

    private func sink(
        _ collector: Collector,
        _ log: any EventLog,
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        logger: Logger = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() },
        _ change: (inout TraceSink.Settings) -> Void = { _ in }
    ) -> TraceSink {
        var settings = TraceSink.Settings()
        change(&settings)
        return TraceSink(
            collector, log: log, settings: settings, environment: .manual(clock), logger: logger, metrics: metrics)
    }

    /// A log in which runs of two threads are open beside each other, one below the other, and over and over.
    private func filledLog() async throws -> InMemoryEventLog {
        let log = InMemoryEventLog()
        var script = Script()
        script.message("m_1", caller)
        script.begin("r_1", messages: ["m_1"])
        script.call("c_1", run: "r_1")
        script.begin("r_2", parent: "r_1", call: "c_1")
        script.begin("r_3", parent: "r_2")
        script.begin("r_9")
        script.call("c_1", run: "r_3")
        script.call("c_2", run: "r_9")
        script.complete("c_1", run: "r_3")
        script.call("c_1", run: "r_3")
        script.complete("c_2", .failed, error: ToolFailure(code: "a.b", message: "hidden"), run: "r_9")
        script.complete("c_1", run: "r_3")
        script.end("r_3")
        script.end("r_9")
        script.end("r_2")
        script.complete("c_1", run: "r_1")
        script.end("r_1", usage: TokenUsage(inputTokens: 1))
        try await withAgentRuntime(log: log) { runtime in
            for thread in ["t_1", "t_2"] as [ThreadID] {
                let context = try await runtime.context(user: "u_1", thread: thread)
                for event in script.events {
                    let draft = EventDraft(runID: event.runID, agent: event.agent, event.payload)
                    _ = try await context.emit([draft], host: .outside)
                }
            }
        }
        return log
    }

    private func events(of log: InMemoryEventLog) async throws -> [StoredEvent] {
        try await log.read(LogRead(.all(afterOffset: 0), maximumCount: .max, maximumByteCount: .max)).events
    }

    /// The spans of a machine that has seen everything, by the numbers of the events that they are made of.
    private func expected(_ events: [StoredEvent]) throws -> [[TraceSpan]] {
        var machine = TraceStateMachine()
        return try events.map { event in
            guard case .spans(let spans) = machine.receive(try event.decoded()) else {
                Issue.record("knows everything")
                return []
            }
            return spans
        }
    }

    @Test(arguments: [false, true])
    func aProcessThatBeginsAnywhereSendsTheSameSpans(_ isPlain: Bool) async throws {
        let log = try await filledLog()
        let events = try await events(of: log)
        let expected = try expected(events)
        #expect(expected.flatMap(\.self).count == 16)
        for place in events.indices {
            let collector = Collector()
            let sink = sink(collector, isPlain ? BareLog(log) : log)
            try await sink.receive(SinkBatch(events: Array(events[place...])))
            #expect(await sink.settle(isStopping: false))
            #expect(collector.spans == expected[place...].flatMap(\.self), "from \(place) on")
        }
    }

    @Test(arguments: [1, 2, 3, 5])
    func howLittleItRemembersMakesNoDifference(_ count: Int) async throws {
        let log = try await filledLog()
        let events = try await events(of: log)
        let collector = Collector()
        let sink = sink(collector, log) { $0.machine.maximumOpenCount = count }
        for event in events { try await sink.receive(SinkBatch(events: [event])) }
        #expect(await sink.settle(isStopping: false))
        #expect(collector.spans == (try expected(events)).flatMap(\.self))
    }

    @Test func aBatchThatComesAgainSendsTheSameSpans() async throws {
        let log = try await filledLog()
        let events = try await events(of: log)
        let all = try expected(events).flatMap(\.self)
        let collector = Collector()
        let sink = sink(collector, log)
        for _ in 0..<2 { try await sink.receive(SinkBatch(events: events)) }
        #expect(await sink.settle(isStopping: false))
        #expect(collector.spans == all + all)
    }

    @Test func spansGoInBatchesAndTheRestWhenItSettles() async throws {
        let log = try await filledLog()
        let collector = Collector()
        let sink = sink(collector, log) { $0.queue.batchCount = 5 }
        try await sink.receive(SinkBatch(events: try await events(of: log)))
        #expect(collector.requests.map(\.count) == [5, 5, 5])
        #expect(await sink.settle(isStopping: false))
        #expect(collector.requests.map(\.count) == [5, 5, 5, 1])
        #expect(await sink.settle(isStopping: true))
        #expect(collector.requests.count == 4)
        #expect(Set(collector.limits) == [.seconds(5)])
    }

    @Test func aCollectorThatIsDownIsAskedAgainAfterPausesAndDropsAreCounted() async throws {
        let log = try await filledLog()
        let collector = Collector()
        let metrics = TestMetrics()
        let lines = LineRecord<String>()
        let logger = Logger(label: "test") { _ in
            RecordingLogHandler { level, message, _ in lines.append("\(level) \(message)") }
        }
        let sink = sink(collector, log, metrics: metrics, logger: logger) {
            $0.queue.batchCount = 4
            $0.queue.maximumCount = 10
        }
        collector.answer(.unavailable("nobody answers", retryAfter: .seconds(3)))
        try await sink.receive(SinkBatch(events: try await events(of: log)))
        // One request, however much came meanwhile.
        #expect(collector.requests.map(\.count) == [4])
        #expect(await !sink.settle(isStopping: false))
        #expect(collector.requests.count == 1)
        clock.advance(by: .seconds(3))
        #expect(await !sink.settle(isStopping: false))
        #expect(collector.requests.count == 2)
        // At a stop nobody waits for it.
        #expect(await !sink.settle(isStopping: true))
        #expect(collector.requests.count == 2)
        collector.answer(.taken(rejectedCount: 1))
        clock.advance(by: .seconds(3))
        #expect(await sink.settle(isStopping: false))
        #expect(collector.requests.map(\.count) == [4, 4, 4, 4, 2])
        func total(_ name: String, _ outcome: String) throws -> Int64 {
            try metrics.expectCounter("agent_events_\(name)", [("outcome", outcome)]).totalValue
        }
        #expect(try total("trace_spans_total", "sent") == 7)
        #expect(try total("trace_spans_total", "rejected") == 3)
        #expect(try total("trace_spans_total", "dropped") == 6)
        #expect(try total("trace_requests_total", "failed") == 2)
        #expect(try total("trace_requests_total", "taken") == 3)
        #expect(try metrics.expectMeter("agent_events_trace_spans_waiting").lastValue == 0)
        #expect(lines.all.filter { $0.contains("sent again") }.count == 2)
        #expect(lines.all.contains("notice the collector takes spans again"))
        let left = "notice spans were not sent before the stop; a durable log has them for the next start"
        #expect(lines.all.contains(left))
    }

    /// A collector that asks for no pause at all is not asked without end.
    @Test func aCollectorThatAsksForNothingIsAskedOnceEachTime() async throws {
        let log = try await filledLog()
        let collector = Collector()
        let sink = sink(collector, log)
        collector.answer(.unavailable("no", retryAfter: .zero))
        try await sink.receive(SinkBatch(events: try await events(of: log)))
        for count in 1...3 {
            clock.advance(by: .seconds(60))
            #expect(await !sink.settle(isStopping: false))
            #expect(collector.requests.count == count)
        }
    }

    @Test func whatIsRefusedForGoodIsNotSentAgain() async throws {
        let log = try await filledLog()
        let collector = Collector()
        let sink = sink(collector, log)
        collector.answer(.refused("no"))
        try await sink.receive(SinkBatch(events: try await events(of: log)))
        #expect(await sink.settle(isStopping: false))
        #expect(collector.requests.map(\.count) == [16])
    }

    @Test func aStopSendsForFiveSecondsAtMost() async throws {
        let log = try await filledLog()
        let events = try await events(of: log)
        let collector = Collector()
        collector.meanwhile { [clock] in clock.advance(by: .seconds(2)) }
        let sink = sink(collector, log) { $0.queue.batchCount = 3 }
        let stop = Task { () async throws -> Bool in
            while !Task.isCancelled { await Task.yield() }
            try await sink.receive(SinkBatch(events: events))
            return await sink.settle(isStopping: true)
        }
        stop.cancel()
        let isSettled = try await stop.value
        #expect(!isSettled)
        #expect(collector.limits == [.seconds(5), .seconds(3), .seconds(1)])
        // Another runtime has all its time.
        #expect(await sink.settle(isStopping: false))
        #expect(collector.limits == [5, 3, 1, 5, 5, 5].map { Duration.seconds($0) })
    }

    @Test func nothingMoreIsSentOfADeletedThread() async throws {
        let log = try await filledLog()
        let events = try await events(of: log)
        let collector = Collector()
        let sink = sink(collector, log)
        #expect(sink.erasure == .impossible)
        try await sink.receive(SinkBatch(events: events))
        try await sink.receive(ThreadDeletedRecord(thread: "t_1", deletedAt: Script.time(100)))
        #expect(await sink.settle(isStopping: false))
        #expect(collector.spans.count == 8)
        #expect(collector.spans.allSatisfy { $0.text("gen_ai.conversation.id") == "t_2" })
    }

    @Test func aRunThatIsOpenOverARestartIsOneSpan() async throws {
        let log = InMemoryEventLog()
        let collector = Collector()
        var script = Script()
        script.begin()
        script.call("c_1")
        script.complete("c_1")
        script.call("c_2")
        script.complete("c_2")
        script.end()
        let drafts = script.events.map { EventDraft(runID: $0.runID, agent: $0.agent, $0.payload) }
        for part in [drafts[..<4], drafts[4...]] {
            try await withAgentRuntime(log: log, sinks: [sink(collector, log).durable]) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                _ = try await context.emit(Array(part), host: .outside)
            }
            log.close()
        }
        let spans = collector.spans
        #expect(spans == (try expected(try await events(of: log))).flatMap(\.self))
        #expect(spans.count == 3)
        #expect(spans.allSatisfy { $0.text("agent_events.incomplete") == nil })
    }

    @Test func whatWasNotSentBeforeAStopIsSentAfterTheNextStart() async throws {
        let log = InMemoryEventLog()
        let collector = Collector()
        collector.answer(.unavailable("nobody answers", retryAfter: nil))
        try await withAgentRuntime(log: log, sinks: [sink(collector, log).durable]) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in }
        }
        log.close()
        #expect(collector.requests.map(\.count) == [1])
        collector.answer(.taken(rejectedCount: 0))
        try await withAgentRuntime(log: log, sinks: [sink(collector, log).durable]) { _ in }
        log.close()
        #expect(collector.requests.map(\.count) == [1, 1])
        #expect(collector.requests.first == collector.requests.last)
        // And not once more.
        try await withAgentRuntime(log: log, sinks: [sink(collector, log).durable]) { _ in }
        log.close()
        #expect(collector.requests.count == 2)
    }
}
