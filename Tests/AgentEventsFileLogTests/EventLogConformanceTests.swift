import AgentEvents
import AgentEventsTesting
import Testing

/// The suite passes a right log, and finds each fault of a wrong one.
@Suite struct EventLogConformanceTests {
    @Test func aRightLogPasses() async throws {
        try await EventLogConformance(make: { ReferenceEventLog() }, reopen: { $0 }).run()
    }

    @Test(arguments: ReferenceEventLog.Fault.allCases)
    fileprivate func aWrongLogIsFound(_ fault: ReferenceEventLog.Fault) async {
        await withKnownIssue {
            try await EventLogConformance(make: { ReferenceEventLog(fault: fault) }, reopen: { $0 }).run()
        }
    }
}
