import AgentEvents

/// A log that keeps events and no values.
struct BareLog: EventLog {
    let log = InMemoryEventLog()

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }
}
