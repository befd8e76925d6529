import Synchronization

/// A log in memory: for tests, and for services that may lose everything when they stop.
///
/// It is bounded: an append, or a value, beyond its capacity fails with `log.full`.
public final class InMemoryEventLog: EventLog {
    private struct State {
        var generation: UInt64 = 0
        var isOpen = false
        var events = InMemoryEvents()
        var keys = InMemoryKeys()
        var values = StoredValueTable()
        var deletions = InMemoryDeletions()
        var cards = CardTable()
    }

    private let state = Mutex(State())
    private let maximumByteCount: Int
    private let clock: WallClock
    private let generations: GenerationSource

    /// - Parameters:
    ///   - maximumByteCount: how many bytes of events, values and idempotency keys the log holds. Default: 1 GiB.
    ///   - clock: tells when idempotency keys are older than 24 hours. Default: the operating system's.
    ///   - generations: where the generation of each opening comes from. Default: the time, and random bits.
    public init(
        maximumByteCount: Int = 1 << 30,
        clock: WallClock = .system,
        generations: GenerationSource = .system
    ) {
        self.maximumByteCount = maximumByteCount
        self.clock = clock
        self.generations = generations
    }

    /// Opens the log; may be called again after ``close()``, as another process would after a restart.
    public func open() async throws(EventLogError) -> LogOpening {
        try state.withLock { (state) throws(EventLogError) in
            guard !state.isOpen else { throw EventLogError(.locked, "the log is open; close it first") }
            state.isOpen = true
            state.generation = generations.next(after: state.generation)
            return LogOpening(
                generation: state.generation,
                threadsWithOpenRuns: state.events.threadsWithOpenRuns,
                endOffset: state.events.endOffset
            )
        }
    }

    /// Ends writing; everything stays readable.
    public func close() {
        state.withLock { $0.isOpen = false }
    }

    public func append(_ commit: LogCommit) async throws(EventLogError) {
        try state.withLock { (state) throws(EventLogError) in
            guard state.isOpen else { throw EventLogError(.closed, "the log is not open") }
            state.keys.forget(at: commit.time)
            try state.deletions.check(commit, isKnown: { state.events.threads[$0] != nil })
            let byteCount = commit.entries.reduce(state.events.byteCount) { $0 + $1.bytes.count }
            let keyByteCount = state.keys.byteCount + (try InMemoryKeys.byteCount(of: commit.keys))
            try checkCapacity(byteCount + keyByteCount + state.values.byteCount)
            try state.events.append(commit)
            for keyed in commit.keys { state.keys.append(keyed, time: commit.time) }
        }
    }

    private func checkCapacity(_ byteCount: Int) throws(EventLogError) {
        guard byteCount <= maximumByteCount else {
            throw EventLogError(.full, "the in-memory log holds \(maximumByteCount) bytes and is full")
        }
    }

    public func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        state.withLock { $0.events.page(request) }
    }

    public func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        state.withLock { $0.events.threads[thread]?.record }
    }

    public func startedRuns(
        among runs: Set<RunID>,
        in thread: ThreadID
    ) async throws(EventLogError) -> Set<RunID> {
        state.withLock { state in runs.filter { state.events.threads[thread]?.hasStarted($0) ?? false } }
    }

    public func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        let now = clock.now()
        return state.withLock { $0.keys.request(with: key, in: thread, at: now) }
    }
}

extension InMemoryEventLog: ImmediateEventLog {
    // Others hold the lock for as long as a page or a deletion takes.
    package func recordAtOnce(of thread: ThreadID) -> ImmediateAnswer<ThreadRecord> {
        state.withLockIfAvailable { .known($0.events.threads[thread]?.record) } ?? .busy
    }

    package func deletionAtOnce(of thread: ThreadID) -> ImmediateAnswer<ThreadDeletion> {
        state.withLockIfAvailable { .known($0.deletions[thread]) } ?? .busy
    }
}

extension InMemoryEventLog: RunIndexedLog {
    package func firstSequence(of run: RunID, in thread: ThreadID) async throws(EventLogError) -> UInt64? {
        state.withLock { $0.events.threads[thread]?.firstSequence(of: run) }
    }
}

extension InMemoryEventLog: SearchableStateStore {
    public func load(
        _ kind: StoredValue.Kind,
        thread: ThreadID?,
        name: String
    ) async throws(EventLogError) -> [UInt8]? {
        state.withLock { $0.values.bytes(kind, thread: thread, name: name) }
    }

    public func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        state.withLock { $0.values.all(kind, thread: thread) }
    }

    public func places(
        of kind: StoredValue.Kind,
        namePrefix: String
    ) async throws(EventLogError) -> [StoredPlace] {
        state.withLock { $0.values.places(of: kind, namePrefix: namePrefix) }
    }

    public func save(_ values: [StoredValue]) async throws(EventLogError) {
        for value in values { try value.checkLimits() }
        try state.withLock { (state) throws(EventLogError) in
            guard state.isOpen else { throw EventLogError(.closed, "the log is not open") }
            try checkCapacity(
                state.events.byteCount + state.keys.byteCount + state.values.byteCount(storing: values))
            for value in values where !state.deletions.contains(value.thread) {
                state.values.store(value)
                guard value.kind == .member, let thread = value.thread else { continue }
                state.cards.memberChanged(value.name, in: thread, isMember: value.bytes != nil)
            }
        }
    }
}

/// Age counts from the time of an event's commit. The room of trimmed events is free at once.
extension InMemoryEventLog: TrimmableLog {
    public func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        state.withLock { $0.events.expired(query) }
    }

    public func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        try state.withLock { (state) throws(EventLogError) in
            guard state.isOpen else { throw EventLogError(.closed, "the log is not open") }
            state.events.trim(trims)
        }
    }
}

/// The room of deleted threads is free at once; nothing is left to be erased but the note that it is.
extension InMemoryEventLog: DeletingEventLog {
    public func delete(_ threads: [ThreadID], at time: Timestamp) async throws(EventLogError) {
        try state.withLock { (state) throws(EventLogError) in
            guard state.isOpen else { throw EventLogError(.closed, "the log is not open") }
            for thread in threads {
                guard let user = state.events.threads[thread]?.user else { continue }
                state.deletions.add(ThreadOwner(thread: thread, user: user), at: time)
                state.events.delete(thread)
                state.keys.forget(thread)
                state.values.removeAll(of: thread)
                state.cards.remove(thread)
            }
        }
    }

    public func erase(clock: WallClock) async throws(EventLogError) -> [ThreadDeletion] {
        try state.withLock { (state) throws(EventLogError) in
            guard state.isOpen else { throw EventLogError(.closed, "the log is not open") }
            return state.deletions.erase(at: clock.now())
        }
    }

    public func deletion(of thread: ThreadID) async throws(EventLogError) -> ThreadDeletion? {
        state.withLock { $0.deletions[thread] }
    }

    public func unfinishedDeletions() async throws(EventLogError) -> [ThreadID] {
        state.withLock { $0.deletions.unfinished }
    }

    public func threads(of user: UserID) async throws(EventLogError) -> [ThreadID] {
        state.withLock { $0.events.threads(of: user) }
    }
}

/// Saving cards fails when the log would hold more than its capacity with them. Cards that are saved take no room from events.
extension InMemoryEventLog {
    public func saveCards(_ cards: [ThreadCard], through offset: UInt64) async throws(EventLogError) {
        for card in cards { try card.checkLimits() }
        try state.withLock { (state) throws(EventLogError) in
            guard state.isOpen else { throw EventLogError(.closed, "the log is not open") }
            let kept = cards.filter { !state.deletions.contains($0.thread) }
            try checkCapacity(
                state.events.byteCount + state.keys.byteCount + state.values.byteCount
                    + state.cards.byteCount(saving: kept))
            state.cards.save(kept, through: offset)
        }
    }

    /// Reads the cards, and the offset after the last event.
    func withCards<Result: Sendable, Failure: Error>(
        _ body: (CardTable, UInt64) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try state.withLock { (state) throws(Failure) in try body(state.cards, state.events.endOffset) }
    }
}
