import AgentEvents
import AgentEventsTesting
import Testing

/// The log in memory can be trimmed; the suite finds each fault of a wrong log.
struct TrimmableLogConformanceTests {
    @Test func theLogInMemoryConforms() async throws {
        try await TrimmableLogConformance(
            make: { InMemoryEventLog() },
            reopen: { log in
                (log as? InMemoryEventLog)?.close()
                return log
            }
        ).run()
    }

    @Test func aRightLogPasses() async throws {
        try await TrimmableLogConformance(
            make: { FaultyTrimmableLog(nil) }, reopen: { ($0 as? FaultyTrimmableLog)?.reopened() ?? $0 }
        ).run()
    }

    @Test(arguments: FaultyTrimmableLog.Fault.allCases)
    func aWrongLogIsFound(_ fault: FaultyTrimmableLog.Fault) async {
        await withKnownIssue {
            try await TrimmableLogConformance(
                make: { FaultyTrimmableLog(fault) }, reopen: { ($0 as? FaultyTrimmableLog)?.reopened() ?? $0 }
            ).run()
        }
    }
}
