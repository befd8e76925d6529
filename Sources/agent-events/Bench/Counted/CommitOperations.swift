import AgentEvents
import AgentEventsFileLog
import Foundation

/// Events on their way to the log, from one task.
struct CommitOperations {
    private static let threadCount = 16

    let section: CountedSection

    /// Without waiting for commits: the writer's share comes at the end, in few commits.
    func emit() async throws {
        try await withAgentRuntime(log: DiscardingLog(commitTime: nil)) { runtime in
            let threads = try await BenchThreads(count: 1, runtime: runtime)
            try await section.run {
                _ = try await threads.emitNext(runtime)
            } settle: {
                try await runtime.flush()
            }
        }
    }

    func commitInMemory() async throws { try await commit(InMemoryEventLog()) }

    func commit(into folder: URL) async throws {
        let log = FileEventLog(path: folder.appendingPathComponent("events.sqlite").path, configuration: .init())
        try await commit(log)
        try await log.close()
    }

    /// One event a commit.
    private func commit(_ log: some EventLog) async throws {
        try await withAgentRuntime(log: log) { runtime in
            let threads = try await BenchThreads(count: Self.threadCount, runtime: runtime)
            try await section.run {
                try await runtime.waitForCommit(at: try await threads.emitNext(runtime))
            }
        }
    }
}
