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
        /// Those of the writers that have the log open.
        var news: [News] = []
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

    /// The threads in which other writers have committed since a writer asked last, each with its last event.
    private final class News: Sendable {
        private let threads = Mutex<[ThreadID: AdvancedThread]>([:])
        let signal = WakeSignal()

        func note(_ commit: LogCommit) {
            threads.withLock { threads in
                for entry in commit.entries {
                    threads[entry.owner.thread] = AdvancedThread(
                        thread: entry.owner.thread, user: entry.owner.user, head: entry.id)
                }
            }
        }

        func next() async -> [AdvancedThread]? {
            while true {
                let known = threads.withLock { threads in
                    defer { threads = [:] }
                    return threads.values.sorted { $0.thread.rawValue < $1.thread.rawValue }
                }
                if !known.isEmpty { return known }
                guard await signal.wait() else { return nil }
            }
        }
    }

    private let storage: Storage
    /// `nil` while this writer has not opened the log.
    private let news = Mutex<News?>(nil)

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
        let opened: News? = news.withLock { news in
            guard news == nil else { return nil }
            let opened = News()
            news = opened
            return opened
        }
        guard let opened else { throw EventLogError(.locked, "this writer has the log open; close it first") }
        return storage.state.withLock { state in
            let isFirst = state.news.isEmpty
            if isFirst { state.generation = storage.generations.next(after: state.generation) }
            state.news.append(opened)
            return LogOpening(
                generation: state.generation,
                threadsWithOpenRuns: isFirst ? state.events.threadsWithOpenRuns : [],
                endOffset: state.events.endOffset)
        }
    }

    /// Ends the writing of this writer; everything stays readable.
    public func close() {
        guard let closed = news.withLock({ $0.take() }) else { return }
        storage.state.withLock { state in state.news.removeAll { $0 === closed } }
        closed.signal.finish()
    }

    public func append(_ commit: LogCommit) async throws(EventLogError) { _ = try take(commit) { _ in [] } }

    public func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
        ContendedCommit(refusedThreads: try take(commit) { $0.threadsNotFollowed(by: commit) })
    }

    public func advancedThreads() async -> [AdvancedThread]? { await news.withLock({ $0 })?.next() }

    /// - Parameter refuse: the threads to leave out.
    /// - Returns: those that were left out.
    private func take(
        _ commit: LogCommit,
        refusing refuse: (InMemoryEvents) -> Set<ThreadID>
    ) throws(EventLogError) -> Set<ThreadID> {
        guard let own = news.withLock({ $0 }) else {
            throw EventLogError(.closed, "this writer has not opened the log")
        }
        let (refused, others) = try storage.state.withLock { (state) throws(EventLogError) in
            let refused = refuse(state.events)
            let taken = commit.without(refused)
            try take(taken, &state)
            let others = taken.entries.isEmpty ? [] : state.news.filter { $0 !== own }
            // Here, so that the last one noted of a thread is the last one of the thread.
            for news in others { news.note(taken) }
            return (refused, others)
        }
        for news in others { news.signal.signal() }
        return refused
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
