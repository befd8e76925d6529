import AgentEvents
import AgentEventsTestSupport
import Synchronization

/// A log that notes its commits, and takes no further one after some.
final class CuttingLog: ForwardingLog {
    let log: InMemoryEventLog
    private let rest: Mutex<Int>
    private let noted = Mutex<[[LogEntry]]>([])

    /// - Parameter commitCount: the number of commits that it takes; `nil` for all.
    init(_ log: InMemoryEventLog, after commitCount: Int? = nil) {
        self.log = log
        rest = Mutex(commitCount ?? .max)
    }

    /// From now on it takes nothing.
    func cut() { rest.withLock { $0 = 0 } }

    /// The entries of each commit.
    var commits: [[LogEntry]] { noted.withLock { $0 } }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        let isTaken = rest.withLock { rest in
            guard rest > 0 else { return false }
            rest -= 1
            return true
        }
        guard isTaken else { throw EventLogError(.failed, "the power is gone") }
        try await log.append(commit)
        noted.withLock { $0.append(commit.entries) }
    }

}
