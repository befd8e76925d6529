import Synchronization

/// A log in memory: for tests, and for services that may lose everything when they stop.
///
/// It is bounded: an append, or a value, beyond its capacity fails with `log.full`.
public final class InMemoryEventLog: EventLog {
    private struct StoredThread {
        var user: UserID
        var events: [StoredEvent] = []
        var runs: Set<RunID> = []
        /// The runs without an end, with the sequence of their first event.
        var openRuns: [RunID: UInt64] = [:]
    }

    private struct State {
        var generation: UInt64 = 0
        var isOpen = false
        var threads: [ThreadID: StoredThread] = [:]
        /// All events in the order of their commits, as a thread and a sequence.
        var order: [(thread: ThreadID, sequence: UInt64)] = []
        var keys: [ThreadID: [IdempotencyKey: (ids: [EventID], time: Timestamp)]] = [:]
        var byteCount = 0
        var values = StoredValueTable()
    }

    private static let keyLifetimeMilliseconds: Int64 = 24 * 60 * 60 * 1000

    private let state = Mutex(State())
    private let maximumByteCount: Int
    private let clock: WallClock

    /// - Parameters:
    ///   - maximumByteCount: how many bytes of events and values the log holds. Default: 1 GiB.
    ///   - clock: tells when idempotency keys are older than 24 hours. Default: the operating system's.
    public init(maximumByteCount: Int = 1 << 30, clock: WallClock = .system) {
        self.maximumByteCount = maximumByteCount
        self.clock = clock
    }

    /// Opens the log; may be called again after ``close()``, as another process would after a restart.
    public func open() async throws(EventLogError) -> LogOpening {
        try state.withLock { (state) throws(EventLogError) in
            guard !state.isOpen else { throw EventLogError(.locked, "the log is open; close it first") }
            state.isOpen = true
            state.generation += 1
            return LogOpening(
                generation: state.generation,
                threadsWithOpenRuns: state.threads.filter { !$0.value.openRuns.isEmpty }.map(\.key),
                endOffset: UInt64(state.order.count)
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
            let byteCount = commit.entries.reduce(state.byteCount) { $0 + $1.bytes.count }
            try checkCapacity(byteCount + state.values.byteCount)
            try Self.checkOrder(of: commit, in: state)
            state.byteCount = byteCount
            for entry in commit.entries { Self.store(entry, in: &state) }
            for keyed in commit.keys { state.keys[keyed.thread, default: [:]][keyed.key] = (keyed.ids, commit.time) }
        }
    }

    private func checkCapacity(_ byteCount: Int) throws(EventLogError) {
        guard byteCount <= maximumByteCount else {
            throw EventLogError(.full, "the in-memory log holds \(maximumByteCount) bytes and is full")
        }
    }

    /// All or nothing: looked at before anything is stored.
    private static func checkOrder(of commit: LogCommit, in state: State) throws(EventLogError) {
        var heads: [ThreadID: UInt64] = [:]
        for entry in commit.entries {
            let thread = entry.owner.thread
            let head = heads[thread] ?? state.threads[thread]?.events.last?.id.sequence ?? 0
            guard entry.id.sequence == head + 1 else {
                throw EventLogError(.conflict, "thread \(thread) is at \(head) and event \(entry.id) does not follow")
            }
            heads[thread] = entry.id.sequence
        }
    }

    private static func store(_ entry: LogEntry, in state: inout State) {
        let thread = entry.owner.thread
        state.order.append((thread, entry.id.sequence))
        var stored = state.threads.removeValue(forKey: thread) ?? StoredThread(user: entry.owner.user)
        stored.events.append(StoredEvent(thread: thread, id: entry.id, bytes: entry.bytes))
        if let run = entry.run {
            if entry.type == .agentStarted {
                stored.runs.insert(run)
                stored.openRuns[run] = entry.id.sequence
            } else if entry.type.endsRun {
                stored.openRuns[run] = nil
            }
        }
        state.threads[thread] = stored
    }

    public func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        state.withLock { state in
            switch request.selection {
            case .thread(let thread, let after):
                let events = state.threads[thread]?.events ?? []
                let rest = events.dropFirst(Int(clamping: after))
                let taken = Self.page(of: rest, request)
                return LogPage(events: taken, reachesEnd: taken.count == rest.count)
            case .all(let offset):
                let rest = state.order.dropFirst(Int(clamping: offset))
                // Looked up one by one, so that a page costs what it holds.
                var taken: [StoredEvent] = []
                var byteCount = 0
                for place in rest {
                    guard let event = state.threads[place.thread]?.events[Int(place.sequence) - 1] else { break }
                    if taken.count == request.maximumCount { break }
                    if !taken.isEmpty, byteCount + event.bytes.count > request.maximumByteCount { break }
                    byteCount += event.bytes.count
                    taken.append(event)
                }
                return LogPage(
                    events: taken, reachesEnd: taken.count == rest.count, nextOffset: offset + UInt64(taken.count))
            }
        }
    }

    private static func page(of events: ArraySlice<StoredEvent>, _ request: LogRead) -> [StoredEvent] {
        var byteCount = 0
        var count = 0
        for event in events.prefix(request.maximumCount) {
            if count > 0, byteCount + event.bytes.count > request.maximumByteCount { break }
            byteCount += event.bytes.count
            count += 1
        }
        return Array(events.prefix(count))
    }

    public func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        state.withLock { state in
            guard let stored = state.threads[thread], let first = stored.events.first, let last = stored.events.last
            else { return nil }
            return ThreadRecord(
                user: stored.user, head: last.id, oldest: first.id, runs: stored.runs,
                firstOpenSequence: stored.openRuns.values.min())
        }
    }

    public func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> [EventID]? {
        let oldest = clock.now().milliseconds - Self.keyLifetimeMilliseconds
        return state.withLock { state in
            guard let keyed = state.keys[thread]?[key], keyed.time.milliseconds > oldest else { return nil }
            return keyed.ids
        }
    }
}

extension InMemoryEventLog: StateStore {
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

    public func save(_ values: [StoredValue]) async throws(EventLogError) {
        for value in values { try value.checkLimits() }
        try state.withLock { (state) throws(EventLogError) in
            guard state.isOpen else { throw EventLogError(.closed, "the log is not open") }
            var saved = state.values
            for value in values { saved.store(value) }
            try checkCapacity(state.byteCount + saved.byteCount)
            state.values = saved
        }
    }
}
