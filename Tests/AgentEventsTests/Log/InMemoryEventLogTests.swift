import AgentEvents
import AgentEventsTesting
import Testing

struct InMemoryEventLogTests {
    @Test func theLogInMemoryConforms() async throws {
        try await EventLogConformance(
            make: { InMemoryEventLog() },
            reopen: { log in
                (log as? InMemoryEventLog)?.close()
                return log
            }
        ).run()
    }
}
