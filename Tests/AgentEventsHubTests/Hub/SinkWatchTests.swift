import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import MetricsTestKit
import Testing

@testable import AgentEventsHub

@Suite(.timeLimit(.minutes(10))) struct SinkWatchTests {
    @Test func aSinkIsShownUnderItsName() async throws {
        let factory = TestMetrics()
        let sink = InMemorySink()
        let runtime = AgentRuntime(log: InMemoryEventLog(), sinks: [sink])
        let watch = SinkWatch(
            runtime: runtime, interval: .seconds(3600), factory: factory, logger: Logger(label: "test"))
        await withDiscardingTaskGroup { group in
            group.addTask { _ = try? await runtime.run() }
            group.addTask { await watch.run() }
            do {
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                for number in 0..<3 {
                    let message = UserMessage(messageID: "m", userID: "u_1", text: "\(number)")
                    _ = try await context.emit(EventDraft(.userMessage(message)))
                    try await runtime.flushSinks()
                }
            } catch {
                Issue.record(error)
            }
            watch.finish()
            runtime.shutdown()
        }
        func count(_ label: String, _ dimensions: [(String, String)] = []) throws -> Int64 {
            try factory.expectCounter("agent_events_sink_\(label)", [("sink", sink.name)] + dimensions).totalValue
        }
        #expect(try count("attempts_total", [("outcome", "taken")]) == 3)
        #expect(try count("attempts_total", [("outcome", "refused")]) == 0)
        #expect(try count("received_events_total") == 3)
        #expect(try count("dead_letters_total") == 0)
        #expect(
            try factory.expectMeter("agent_events_sink_pending_commits", [("sink", sink.name)]).lastValue == 0)
        func shown(_ condition: String) throws -> Double? {
            let dimensions = [("sink", sink.name), ("condition", condition)]
            return try factory.expectMeter("agent_events_sink_condition", dimensions).lastValue
        }
        #expect(try shown("working") == 1)
        #expect(try shown("failed") == 0)
    }

    @Test func metricsAreLookedAfterNowAndThen() async throws {
        let factory = TestMetrics()
        let clock = ManualClock()
        let sink = InMemorySink()
        let runtime = AgentRuntime(
            log: InMemoryEventLog(), sinks: [sink], configuration: RuntimeConfiguration(environment: .manual(clock)))
        let watch = SinkWatch(
            runtime: runtime, interval: .seconds(5), factory: factory, logger: Logger(label: "test"))
        func received() throws -> Int64 {
            try factory.expectCounter("agent_events_sink_received_events_total", [("sink", sink.name)]).totalValue
        }
        await withDiscardingTaskGroup { group in
            group.addTask { _ = try? await runtime.run() }
            group.addTask { await watch.run() }
            do {
                try await clock.waitForSleep(of: .seconds(5))
                let message = UserMessage(messageID: "m", userID: "u_1", text: "1")
                _ = try await runtime.context(user: "u_1", thread: "t_1").emit(EventDraft(.userMessage(message)))
                try await runtime.flushSinks()
                #expect(try received() == 0)
                clock.advance(by: .seconds(5))
                try await clock.waitForSleep(of: .seconds(5))
                #expect(try received() == 1)
            } catch {
                Issue.record(error)
            }
            watch.finish()
            runtime.shutdown()
        }
    }

    private struct Line: Hashable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
    }

    private func watch(_ lines: LineRecord<Line>, _ factory: TestMetrics) -> SinkWatch {
        let runtime = AgentRuntime(log: InMemoryEventLog(), sinks: [InMemorySink(name: "webhook")])
        var logger = Logger(label: "test") { _ in
            RecordingLogHandler { level, message, metadata in
                lines.append(Line(level: level, message: message, metadata: metadata))
            }
        }
        logger.logLevel = .trace
        return SinkWatch(runtime: runtime, interval: .seconds(3600), factory: factory, logger: logger)
    }

    private struct Answer: AnsweredSinkError {
        let reportedCode: String
        let message: String
        let status: Int?
    }

    @Test func whatHappensToASinkIsALineAtItsLevel() throws {
        let (lines, factory) = (LineRecord<Line>(), TestMetrics())
        let watch = watch(lines, factory)
        let refused = Answer(reportedCode: "test.refused", message: "the receiver answered with 404", status: 404)
        let gone = Answer(reportedCode: "test.gone", message: "gone", status: 410)
        let silent = Answer(reportedCode: "test.silent", message: "the receiver did not answer", status: nil)
        watch.note(SinkNotice(sink: "webhook", kind: .refused(failures: 1, refused, pause: .milliseconds(50))))
        watch.note(SinkNotice(sink: "webhook", kind: .refused(failures: 3, silent, pause: .seconds(7))))
        watch.note(SinkNotice(sink: "webhook", kind: .recovered(failures: 3)))
        watch.note(
            SinkNotice(
                sink: "webhook",
                kind: .setAside(
                    thread: "t_1", EventID(generation: 1, sequence: 4), attempts: 20, isKept: true, refused as any Error
                )))
        watch.note(SinkNotice(sink: "webhook", kind: .stopped(gone)))
        watch.note(SinkNotice(sink: "webhook", kind: .failed(SinkError(.offsetUnknown, "x"))))
        let found = lines.all
        #expect(found.map(\.level) == [.warning, .debug, .notice, .error, .error, .error])
        #expect(
            found[0].metadata == [
                "sink.name": "webhook", "error.code": "test.refused",
                "error.message": "the receiver answered with 404", "http.status": "404", "sink.failures": "1",
                "sink.next_try_seconds": "0.05",
            ])
        #expect(found[3].metadata["event.id"] == "1-4")
        #expect(found[3].metadata["thread.id"] == "t_1")
        #expect(found[4].metadata["error.code"] == "test.gone")
        #expect(found[5].metadata["error.code"] == "sink.offset_unknown")
        func count(_ answer: String) throws -> Int64 {
            try factory.expectCounter("agent_events_sink_refused_total", [("sink", "webhook"), ("answer", answer)])
                .totalValue
        }
        #expect(try count("4xx") == 1)
        #expect(try count("none") == 1)
        #expect(try count("5xx") == 0)
    }

    @Test func anErrorIsOneShortLine() {
        struct Chatty: Error, CustomStringConvertible {
            let description = "a\r\nb\u{1B}c" + String(repeating: "é", count: 1000)
        }
        let report = SinkErrorReport(Chatty())
        #expect(report.code == "sink.error")
        #expect(report.message == "a  b c" + String(repeating: "é", count: 494))
    }

    @Test func warningsBecomeRarer() {
        let warned = (1...1000).filter { Logger.Level.ofFailure($0, pause: .seconds(1)) == .warning }
        #expect(warned == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
        #expect(Logger.Level.ofFailure(33, pause: .seconds(600)) == .warning)
        #expect(Logger.Level.ofFailure(33, pause: .milliseconds(599_999)) == .debug)
    }
}
