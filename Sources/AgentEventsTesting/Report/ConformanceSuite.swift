import AgentEvents
import Testing

/// What the conformance suites have in common: they report where they were made, whichever library runs the test.
protocol ConformanceSuite: Sendable {
    /// What conforms: `a log`.
    static var subject: String { get }
    var sourceLocation: SourceLocation { get }
}

extension ConformanceSuite {
    func check(_ condition: Bool, _ comment: String) {
        if !condition { TestIssue.record("\(Self.subject) conforms: \(comment)", sourceLocation) }
    }

    func open(_ log: any EventLog) async throws -> LogOpening {
        try await withTaskExecutorPreference(log.executor) { try await log.open() }
    }

    func append(_ commit: LogCommit, to log: any EventLog) async throws {
        try await withTaskExecutorPreference(log.executor) { try await log.append(commit) }
    }
}
