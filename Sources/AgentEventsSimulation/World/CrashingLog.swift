import AgentEvents
import Synchronization

/// What a disk would keep: the log in memory, what was committed in it, and the values beside it. It outlives the processes
/// that write it.
final class DurableStore: Sendable {
    private struct State {
        var base: InMemoryEventLog
        var commits: [LogCommit] = []
        var values: [StoredValue] = []
        var trims: [ThreadID: ThreadTrim] = [:]
        /// Of the last opening. It is durable whatever else is lost.
        var generation: UInt64 = 0
    }

    let witness: LogWitness
    private let state: Mutex<State>
    private let time: SimulatedTime
    private let random: Mutex<SimulationRandom>

    init(witness: LogWitness, time: SimulatedTime, seed: UInt64) {
        self.witness = witness
        self.time = time
        random = Mutex(SimulationRandom(seed: seed))
        state = Mutex(State(base: InMemoryEventLog(clock: time.wallClock)))
        state.withLock { $0.base = makeBase(after: 0) }
    }

    var base: InMemoryEventLog { state.withLock { $0.base } }

    /// - Parameter generation: the last one, which every opening of the new log is above.
    private func makeBase(after generation: UInt64) -> InMemoryEventLog {
        // A new log has no last generation, but a time that its own is not below.
        let least = generation == 0 ? 0 : (Int64(generation >> GenerationSource.randomBitCount) + 1) * 1000
        let clock = WallClock { [time] in
            Timestamp(milliseconds: max(time.wallClock.now().milliseconds, least))
        }
        return InMemoryEventLog(
            clock: time.wallClock,
            generations: GenerationSource(clock: clock) { [self] in random.withLock { $0.next() } })
    }

    func open() async throws(EventLogError) -> LogOpening {
        let opening = try await base.open()
        state.withLock { $0.generation = opening.generation }
        return opening
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        try await base.append(commit)
        state.withLock { $0.commits.append(commit) }
        witness.didCommit(commit)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        try await base.save(values)
        state.withLock { $0.values += values }
        witness.didSave(values)
    }

    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        try await base.trim(trims)
        for trim in trims {
            state.withLock { $0.trims[trim.thread] = trim }
            if let record = try await base.thread(trim.thread) {
                witness.didTrim(trim.thread, to: record.oldest.sequence)
            }
        }
    }

    /// The machine loses power: the last commits are gone, the values beside them are not.
    ///
    /// - Returns: how many events were lost.
    func lose(_ count: Int) async throws(EventLogError) -> Int {
        let (kept, lost, values, trims, generation) = state.withLock { state in
            let lost = Array(state.commits.suffix(count))
            state.commits.removeLast(lost.count)
            return (state.commits, lost, state.values, state.trims.values, state.generation)
        }
        let base = makeBase(after: generation)
        let opening = try await base.open()
        for commit in kept { try await base.append(commit) }
        try await base.trim(Array(trims))
        for value in values { try await base.save([value]) }
        base.close()
        state.withLock { state in
            state.base = base
            state.generation = opening.generation
        }
        witness.didLose(lost)
        return lost.reduce(0) { $0 + $1.entries.count }
    }
}

/// One process's way to a ``DurableStore``: the schedule decides when an operation goes on, and how it ends. When the process
/// dies nothing of it reaches the store any longer.
final class CrashingLog: EventLog, StateStore, TrimmableLog {
    private enum Verdict: Sendable {
        case proceed
        /// - Parameter isStored: whether the store has the commit all the same.
        case fail(isStored: Bool)
        case dead
    }

    private struct Parked {
        var isAppend: Bool
        var continuation: CheckedContinuation<Verdict, Never>
    }

    private struct State {
        var parked: [Parked] = []
        var isSevered = false
        var random: SimulationRandom
    }

    private let store: DurableStore
    private let state: Mutex<State>

    init(store: DurableStore, seed: UInt64) {
        self.store = store
        state = Mutex(State(random: SimulationRandom(seed: seed)))
    }

    // MARK: The schedule's side

    /// How many operations wait to go on.
    var waitingCount: Int { state.withLock { $0.parked.count } }
    var isAppending: Bool { state.withLock { $0.parked.contains(where: \.isAppend) } }

    func release(_ choice: UInt64) {
        let parked: Parked? = state.withLock { state in
            guard !state.parked.isEmpty else { return nil }
            return state.parked.remove(at: Int(choice % UInt64(state.parked.count)))
        }
        parked?.continuation.resume(returning: .proceed)
    }

    /// The append that is under way fails.
    func failAppend(isStored: Bool) -> Bool {
        let parked: Parked? = state.withLock { state in
            state.parked.firstIndex(where: \.isAppend).map { state.parked.remove(at: $0) }
        }
        parked?.continuation.resume(returning: .fail(isStored: isStored))
        return parked != nil
    }

    /// The process is dead. What is under way reaches the store, or not.
    func sever(isStored: Bool) {
        let parked = state.withLock { state in
            state.isSevered = true
            defer { state.parked = [] }
            return state.parked
        }
        for item in parked {
            item.continuation.resume(returning: item.isAppend && isStored ? .fail(isStored: true) : .dead)
        }
    }

    /// Nothing of the process is left: another one may open the store.
    func close() { store.base.close() }

    private func pass(isAppend: Bool = false) async -> Verdict {
        let verdict: Verdict? = state.withLock { state in
            if state.isSevered { return .dead }
            return isAppend || state.random.once(in: 2) ? nil : .proceed
        }
        if let verdict { return verdict }
        return await withCheckedContinuation { continuation in
            state.withLock { $0.parked.append(Parked(isAppend: isAppend, continuation: continuation)) }
        }
    }

    private static let deadError = EventLogError(.failed, "the process is dead")

    private func passThrough() async throws(EventLogError) {
        guard case .proceed = await pass() else { throw Self.deadError }
    }

    // MARK: EventLog

    func open() async throws(EventLogError) -> LogOpening {
        try await passThrough()
        return try await store.open()
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        switch await pass(isAppend: true) {
        case .proceed:
            do throws(EventLogError) {
                try await store.append(commit)
            } catch {
                // Two have numbered the same thread.
                store.witness.fail(InvariantViolation(.denseOrder, "a commit does not fit: \(error)"))
                throw error
            }
        case .fail(let isStored):
            if isStored { try await store.append(commit) }
            throw EventLogError(.failed, "the disk failed")
        case .dead:
            throw Self.deadError
        }
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        try await passThrough()
        return try await store.base.read(request)
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await passThrough()
        return try await store.base.thread(thread)
    }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await passThrough()
        return try await store.base.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await passThrough()
        return try await store.base.recall(key, in: thread)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        try await passThrough()
        return try await store.base.load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await passThrough()
        return try await store.base.loadAll(kind, thread: thread)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        try await passThrough()
        try await store.save(values)
    }

    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        try await passThrough()
        return try await store.base.expired(query)
    }

    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        try await passThrough()
        try await store.trim(trims)
    }
}
