import AgentEvents

/// A log that keeps nothing, so that only the way to it is measured.
struct DiscardingLog: EventLog {
    /// The time that a commit takes; `nil` for no time at all. Default: as long as on a disk.
    var commitTime: Duration? = .microseconds(100)

    func open() async throws(EventLogError) -> LogOpening {
        LogOpening(generation: 1, threadsWithOpenRuns: [], endOffset: 0)
    }
    func append(_ commit: LogCommit) async throws(EventLogError) {
        // Not cancelled before the runtime is; then it does not matter how long a commit takes.
        if let commitTime { try? await Task.sleep(for: commitTime) }
    }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { LogPage(events: [], reachesEnd: true) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { nil }
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> { [] }
    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? { nil }
}
