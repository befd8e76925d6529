package import AgentEvents

/// A log of a test that does what another one does, but for what it does by itself.
package protocol ForwardingLog: EventLog {
    associatedtype Base: EventLog

    var log: Base { get }
}

extension ForwardingLog {
    package func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    package func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }
    package func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }
    package func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await log.thread(thread)
    }

    package func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }

    package func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }
}

extension ForwardingLog where Base: StateStore {
    package func load(
        _ kind: StoredValue.Kind,
        thread: ThreadID?,
        name: String
    ) async throws(EventLogError) -> [UInt8]? {
        try await log.load(kind, thread: thread, name: name)
    }

    package func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await log.loadAll(kind, thread: thread)
    }

    package func save(_ values: [StoredValue]) async throws(EventLogError) { try await log.save(values) }
}

extension ForwardingLog where Base: DeletingEventLog {
    package func delete(_ threads: [ThreadID], at time: Timestamp) async throws(EventLogError) {
        try await log.delete(threads, at: time)
    }

    package func erase(clock: WallClock) async throws(EventLogError) -> [ThreadDeletion] {
        try await log.erase(clock: clock)
    }

    package func deletion(of thread: ThreadID) async throws(EventLogError) -> ThreadDeletion? {
        try await log.deletion(of: thread)
    }

    package func unfinishedDeletions() async throws(EventLogError) -> [ThreadID] { try await log.unfinishedDeletions() }
    package func threads(of user: UserID) async throws(EventLogError) -> [ThreadID] { try await log.threads(of: user) }
}

/// A log that keeps events, and has nothing else that a log may have.
package struct BareLog: ForwardingLog {
    package let log: InMemoryEventLog

    package init(_ log: InMemoryEventLog = InMemoryEventLog()) { self.log = log }
}
