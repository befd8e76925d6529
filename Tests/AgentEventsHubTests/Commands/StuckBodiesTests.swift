import AgentEvents
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import MetricsTestKit
import Testing

@testable import AgentEventsHub

@Suite(.timeLimit(.minutes(10))) struct StuckBodiesTests {
    @Test func anAgentThatWorksOnIsCountedAndNamedOnce() async throws {
        let clock = ManualClock()
        let factory = TestMetrics()
        let lines = LineRecord<String>()
        let logger = Logger(label: "test") { _ in
            RecordingLogHandler { level, message, metadata in
                let trace = metadata["trace.id"] ?? "no trace"
                let agent = metadata["agent.name"] ?? ""
                lines.append("\(level) \(message): \(metadata["run.id"] ?? ""), \(agent), \(trace)")
            }
        }
        let bodies = StuckBodies(
            patience: .seconds(30), environment: .manual(clock), logger: logger, metrics: factory,
            onLateResult: { _ in })
        let gauge = try factory.expectMeter("agent_events_agents_stuck")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await bodies.watch() }
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let observer = bodies.observer(
                of: "r_1", in: "t_1", agent: "guide", trace: { TraceContext(traceparent: parent) })
            observer.runDidEnd()
            try await clock.waitForSleep(of: .seconds(30))
            #expect(bodies.count == 1)
            #expect(gauge.lastValue == 1)
            clock.advance(by: .seconds(29))
            bodies.observer(of: "r_2", in: "t_1", agent: "guide").runDidEnd()
            bodies.returned("r_2")
            #expect(lines.all.isEmpty)
            clock.advance(by: .seconds(1))
            while lines.all.isEmpty { await Task.yield() }
            clock.advance(by: .seconds(3600))
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            #expect(lines.all == ["warning agent still works although its run has ended: r_1, guide, \(trace)"])
            bodies.returned("r_1")
            // One whose run has not ended before was never counted.
            bodies.returned("r_3")
            #expect(bodies.count == 0)
            #expect(gauge.lastValue == 0)
            group.cancelAll()
        }
    }
}
