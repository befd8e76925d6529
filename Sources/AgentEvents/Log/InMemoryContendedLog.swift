import Synchronization

/// A writer of a log in memory that has other writers: for tests of what happens when two runtimes append to one
/// thread.
///
/// ```swift
/// let log = InMemoryContendedLog()
/// let first = AgentRuntime(log: log)
/// let second = AgentRuntime(log: log.anotherWriter())
/// ```
///
/// All writers of one log share everything but whether they have it open. It is bounded: an append beyond its capacity
/// fails with `log.full`.
public final class InMemoryContendedLog: ContendedLog {
    private struct State {
        var generation: UInt64 = 0
        var openCount = 0
        var events = InMemoryEvents()
        var keys = InMemoryKeys()
    }

    /// The part that all writers have in common.
    private final class Storage: Sendable {
        let state = Mutex(State())
        let maximumByteCount: Int
        let clock: WallClock
        let generations: GenerationSource

        init(maximumByteCount: Int, clock: WallClock, generations: GenerationSource) {
            self.maximumByteCount = maximumByteCount
            self.clock = clock
            self.generations = generations
        }
    }

    private let storage: Storage
    private let isOpen = Mutex(false)

    /// An empty log, and its first writer.
    ///
    /// - Parameters:
    ///   - maximumByteCount: how many bytes of events and idempotency keys the log holds. Default: 1 GiB.
    ///   - clock: tells when idempotency keys are older than 24 hours. Default: the operating system's.
    ///   - generations: where the generation of an opening comes from. Default: the time, and random bits.
    public convenience init(
        maximumByteCount: Int = 1 << 30,
        clock: WallClock = .system,
        generations: GenerationSource = .system
    ) {
        self.init(Storage(maximumByteCount: maximumByteCount, clock: clock, generations: generations))
    }

    private init(_ storage: Storage) { self.storage = storage }

    /// Another writer of the same log. It is opened and closed by itself.
    public func anotherWriter() -> InMemoryContendedLog { InMemoryContendedLog(storage) }

    /// Opens the log for this writer; may be called again after ``close()``. The first of several that have it open
    /// begins a new generation.
    public func open() async throws(EventLogError) -> LogOpening {
        let wasOpen = isOpen.withLock { isOpen in
            defer { isOpen = true }
            return isOpen
        }
        guard !wasOpen else { throw EventLogError(.locked, "this writer has the log open; close it first") }
        return storage.state.withLock { state in
            let isFirst = state.openCount == 0
            if isFirst { state.generation = storage.generations.next(after: state.generation) }
            state.openCount += 1
            return LogOpening(
                generation: state.generation,
                threadsWithOpenRuns: isFirst ? state.events.threadsWithOpenRuns : [],
                endOffset: state.events.endOffset)
        }
    }

    /// Ends the writing of this writer; everything stays readable.
    public func close() {
        let wasOpen = isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
        if wasOpen { storage.state.withLock { $0.openCount -= 1 } }
    }

    public func append(_ commit: LogCommit) async throws(EventLogError) {
        try withOpenState { (state) throws(EventLogError) in try take(commit, &state) }
    }

    public func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
        try withOpenState { (state) throws(EventLogError) in
            let refused = state.events.threadsNotFollowed(by: commit)
            try take(commit.without(refused), &state)
            return ContendedCommit(refusedThreads: refused)
        }
    }

    private func withOpenState<Result>(
        _ body: (inout State) throws(EventLogError) -> Result
    ) throws(EventLogError) -> Result {
        guard isOpen.withLock({ $0 }) else { throw EventLogError(.closed, "this writer has not opened the log") }
        return try storage.state.withLock { (state) throws(EventLogError) in try body(&state) }
    }

    /// All or none.
    private func take(_ commit: LogCommit, _ state: inout State) throws(EventLogError) {
        state.keys.forget(at: commit.time)
        let byteCount = commit.entries.reduce(state.events.byteCount) { $0 + $1.bytes.count }
        let keyByteCount = state.keys.byteCount + (try InMemoryKeys.byteCount(of: commit.keys))
        guard byteCount + keyByteCount <= storage.maximumByteCount else {
            throw EventLogError(.full, "the in-memory log holds \(storage.maximumByteCount) bytes and is full")
        }
        try state.events.append(commit)
        for keyed in commit.keys { state.keys.append(keyed, time: commit.time) }
    }

    public func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        storage.state.withLock { $0.events.page(request) }
    }

    public func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        storage.state.withLock { $0.events.threads[thread]?.record }
    }

    public func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        storage.state.withLock { state in runs.filter { state.events.threads[thread]?.hasStarted($0) ?? false } }
    }

    public func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        let now = storage.clock.now()
        return storage.state.withLock { $0.keys.request(with: key, in: thread, at: now) }
    }
}
