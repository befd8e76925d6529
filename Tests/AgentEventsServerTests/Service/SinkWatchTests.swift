import AgentEvents
import Logging
import MetricsTestKit
import Testing

@testable import AgentEventsServer

struct SinkWatchTests {
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
                    let message = UserMessage(message: "m", user: "u_1", text: "\(number)")
                    _ = try await context.emit(EventDraft(.userMessage(message)))
                    try await runtime.flushSinks()
                }
            } catch {
                Issue.record(error)
            }
            watch.finish()
            runtime.shutdown()
        }
        func value(_ label: String) throws -> Double? {
            try factory.expectMeter("agent_events_sink_\(label)", [("sink", sink.name)]).lastValue
        }
        #expect(try value("attempts") == 3)
        #expect(try value("received_events") == 3)
        #expect(try value("refusals") == 0)
        #expect(try value("dead_letters") == 0)
        #expect(try value("pending_commits") == 0)
        #expect(try value("failed") == 0)
    }
}
