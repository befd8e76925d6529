import AgentEvents

/// A process's log: a ``WorldStore``, through the gate of the process.
final class CrashingLog<Store: WorldStore>: EventLog, StateStore, TrimmableLog {
    private let store: Store
    private let gate: LogGate

    init(_ store: Store, _ gate: LogGate) {
        self.store = store
        self.gate = gate
    }

    private func passThrough() async throws(EventLogError) {
        guard case .proceed = await gate.pass() else { throw .dead }
    }

    func open() async throws(EventLogError) -> LogOpening {
        try await passThrough()
        let opening = try await store.open()
        gate.told.didOpen(store.witness)
        return opening
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        try await append(commit, storedOnFailure: { commit }) { (commit) throws(EventLogError) in
            try await store.append(commit)
        }
    }

    /// - Parameters:
    ///   - stored: the part of the commit that the store has when the append fails late.
    ///   - reach: has the store take a commit.
    private func append<Answer>(
        _ commit: LogCommit,
        storedOnFailure stored: () -> LogCommit,
        _ reach: (LogCommit) async throws(EventLogError) -> Answer
    ) async throws(EventLogError) -> Answer {
        gate.willAppend(commit)
        switch await gate.pass(isAppend: true) {
        case .proceed:
            do throws(EventLogError) {
                return try await reach(commit)
            } catch {
                gate.appendFailed()
                if error.code == .conflict {
                    // Two have numbered the same thread.
                    store.witness.fail(InvariantViolation(.denseOrder, "a commit does not fit: \(error)"))
                }
                throw error
            }
        case .fail(let isStored):
            gate.appendFailed()
            if isStored { _ = try await reach(stored()) }
            throw EventLogError(.failed, "the disk failed")
        case .dead:
            throw .dead
        }
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        try await passThrough()
        return try await store.read(request)
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await passThrough()
        return try await store.thread(thread)
    }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await passThrough()
        return try await store.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await passThrough()
        return try await store.recall(key, in: thread)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        try await passThrough()
        return try await store.load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await passThrough()
        return try await store.loadAll(kind, thread: thread)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        try await passThrough()
        try await store.save(values)
    }

    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        try await passThrough()
        return try await store.expired(query)
    }

    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        try await passThrough()
        try await store.trim(trims)
    }
}

/// Where other processes write, too.
extension CrashingLog: ContendedLog where Store: ContendedLog {
    func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
        try await append(commit, storedOnFailure: { part(of: commit) }) { (commit) throws(EventLogError) in
            try await store.appendByThread(commit)
        }
    }

    /// Some of the threads.
    private func part(of commit: LogCommit) -> LogCommit {
        var seen: Set<ThreadID> = []
        var dropped: Set<ThreadID> = []
        for entry in commit.entries where seen.insert(entry.owner.thread).inserted {
            if gate.once(in: 2) { dropped.insert(entry.owner.thread) }
        }
        return commit.without(dropped)
    }

    func advancedThreads() async -> [AdvancedThread]? {
        guard case .proceed = await gate.pass() else { return nil }
        return await store.advancedThreads()
    }
}

extension CrashingLog: ListingEventLog where Store: ListingEventLog {
    func listing() async throws(EventLogError) -> ListingPosition {
        try await passThrough()
        return try await store.listing()
    }

    func cards(of threads: [ThreadID]) async throws(EventLogError) -> [ThreadCard] {
        try await passThrough()
        return try await store.cards(of: threads)
    }

    func saveCards(_ cards: [ThreadCard], through offset: UInt64) async throws(EventLogError) {
        try await passThrough()
        try await store.saveCards(cards, through: offset)
        store.witness.count(.cardsSaved, cards.count)
    }

    func list(_ query: CardQuery) async throws(EventLogError) -> [ThreadCard] {
        try await passThrough()
        return try await store.list(query)
    }
}

extension EventLogError {
    fileprivate static let dead = EventLogError(.failed, "the process is dead")
}

extension WorldStore {
    /// The log of a process.
    func log(through gate: LogGate) -> any EventLog { CrashingLog(self, gate) }
}
