import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct InMemoryEventLogTests {
    @Test func theInMemoryLogConforms() async throws {
        try await EventLogConformance(make: { InMemoryEventLog() }) { log in
            try #require(log as? InMemoryEventLog).close()
            return log
        }.run()
    }
}
