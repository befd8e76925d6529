import AgentEvents
import Synchronization

/// The log of one process of a ``ModelWorld``: once the process was killed, it takes nothing any longer, and the next one opens what is
/// there.
final class MortalLog: EventLog {
    private struct State {
        var isDead = false
        var isAppending = false
    }

    private let log: InMemoryEventLog
    private let account: ModelAccount
    private let state = Mutex(State())

    init(_ log: InMemoryEventLog, _ account: ModelAccount) {
        self.log = log
        self.account = account
    }

    var isDead: Bool { state.withLock { $0.isDead } }

    /// - Returns: whether it is dead; not in the middle of a commit, of which nobody could say whose it is.
    func kill() -> Bool {
        state.withLock { state in
            if !state.isAppending { state.isDead = true }
            return state.isDead
        }
    }

    func open() async throws(EventLogError) -> LogOpening {
        // It may have been killed before it came to this; then the log is that of the next one.
        if isDead { throw EventLogError(.failed, "the process is gone") }
        return try await log.open()
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        let isDead = state.withLock { state in
            state.isAppending = !state.isDead
            return state.isDead
        }
        if isDead { throw EventLogError(.failed, "the process is gone") }
        defer { state.withLock { $0.isAppending = false } }
        try await log.append(commit)
        account.take(commit)
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }
}
