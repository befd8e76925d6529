import AgentEvents
import Testing

/// A conformance suite: it reports at the place where it was made, whichever library runs the test.
protocol ConformanceSuite: Sendable {
    /// The name of a conforming thing: `a log`.
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
