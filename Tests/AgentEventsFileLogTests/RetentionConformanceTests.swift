import AgentEvents
import AgentEventsFileLog
import AgentEventsTesting
import Testing

/// The log on SQLite can be trimmed, in whatever part of its index the threads are.
@Suite struct RetentionConformanceTests {
    @Test(arguments: [true, false])
    func theLogConforms(isCramped: Bool) async throws {
        let configuration = isCramped ? FileEventLogTests.cramped : FileEventLog.Configuration()
        try await withTemporaryFolder { folder in
            let count = Counter()
            try await TrimmableLogConformance(
                make: { FileEventLog(path: "\(folder)/log_\(count.next())", configuration: configuration) },
                reopen: { log in
                    guard let log = log as? FileEventLog else { return log }
                    try await log.close()
                    return FileEventLog(path: log.path, configuration: configuration)
                }
            ).run()
        }
    }

    /// Opened again as it would be after the end of the process.
    @Test func whatIsTrimmedStaysTrimmedWhenTheProcessIsKilled() async throws {
        try await withTemporaryFolder { folder in
            let count = Counter()
            try await TrimmableLogConformance(
                make: { FileEventLog(path: "\(folder)/log_\(count.next())") },
                reopen: { log in
                    guard let log = log as? FileEventLog else { return log }
                    let path = try copyOfFiles(of: log)
                    try await log.close()
                    return FileEventLog(path: path)
                }
            ).staysTrimmedWhenReopened()
        }
    }
}
