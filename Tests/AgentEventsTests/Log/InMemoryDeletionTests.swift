import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct InMemoryDeletionTests {
    @Test func conforms() async throws {
        try await DeletingLogConformance(
            make: { InMemoryEventLog() },
            reopen: { log in
                (log as? InMemoryEventLog)?.close()
                return log
            }
        ).run()
    }
}
