import AgentEvents
import Synchronization

/// What a disk would keep, without a disk: the log in memory, what was committed in it, and the values beside it.
final class DurableStore: WorldStore, ListingEventLog {
    private struct State {
        var base: InMemoryEventLog
        var commits: [LogCommit] = []
        /// The number of them that nothing can take any longer, because cards tell of them.
        var durableCount = 0
        var cards: [ThreadID: ThreadCard] = [:]
        /// The place in the log in memory up to which cards tell of it.
        var savedPosition: UInt64 = 0
        var values: [StoredValue] = []
        var trims: [ThreadID: ThreadTrim] = [:]
        /// Of the last opening. It is durable whatever else is lost.
        var generation: UInt64 = 0
        var lostOffsets = LostOffsets()
        var hasLost = false
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

    private var base: InMemoryEventLog { state.withLock { $0.base } }

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
        var opening = try await base.open()
        state.withLock { state in
            state.generation = opening.generation
            opening.endOffset = state.lostOffsets.end(opening.endOffset)
        }
        return opening
    }

    // MARK: Reading

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        guard case .all(let offset) = request.selection else { return try await base.read(request) }
        let lost = state.withLock { $0.lostOffsets }
        var inBase = request
        inBase.selection = .all(afterOffset: lost.position(offset))
        var page = try await base.read(inBase)
        page.nextOffset = max(offset, lost.told(page.nextOffset))
        return page
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await base.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await base.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await base.recall(key, in: thread)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        try await base.load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await base.loadAll(kind, thread: thread)
    }

    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        try await base.expired(query)
    }

    // MARK: Writing

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
        witness.willTrim(trims)
        try await base.trim(trims)
        for trim in trims {
            state.withLock { $0.trims[trim.thread] = trim }
            if let record = try await base.thread(trim.thread) {
                witness.didTrim(trim.thread, to: record.oldest.sequence)
            }
        }
    }

    // MARK: Cards

    func listing() async throws(EventLogError) -> ListingPosition {
        let listing = try await base.listing()
        return state.withLock { state in
            ListingPosition(
                savedThrough: state.lostOffsets.told(state.savedPosition), end: state.lostOffsets.end(listing.end))
        }
    }

    func cards(of threads: [ThreadID]) async throws(EventLogError) -> [ThreadCard] { try await base.cards(of: threads) }

    func saveCards(_ cards: [ThreadCard], through offset: UInt64) async throws(EventLogError) {
        let position = state.withLock { $0.lostOffsets.position(offset) }
        try await base.saveCards(cards, through: position)
        state.withLock { state in
            state.durableCount = state.commits.count
            for card in cards { state.cards[card.thread] = card }
            state.savedPosition = max(state.savedPosition, position)
        }
    }

    func list(_ query: CardQuery) async throws(EventLogError) -> [ThreadCard] { try await base.list(query) }

    // MARK: What goes wrong

    var waitingCount: Int { 0 }
    func doNext() {}
    var isStopped: Bool { false }
    func failLater(_ random: inout SimulationRandom) -> Bool { false }
    func endProcess(isOrderly: Bool, _ random: inout SimulationRandom) { base.close() }
    func settle() {}

    func takeLoss() -> Bool {
        state.withLock { state in
            defer { state.hasLost = false }
            return state.hasLost
        }
    }

    func losePower(_ random: inout SimulationRandom) {
        let executor = SimulatedExecutor()
        let count = 1 + random.below(3)
        Task(executorPreference: executor) { [self] in
            do throws(EventLogError) {
                witness.count(.eventsLost, try await lose(count))
            } catch {
                witness.fail(InvariantViolation(.acknowledgedIsKept, "what is kept cannot be written: \(error)"))
            }
        }
        executor.runUntilIdle(&random)
    }

    /// The last commits are gone, the values beside them are not.
    ///
    /// - Returns: how many events were lost.
    private func lose(_ count: Int) async throws(EventLogError) -> Int {
        let (kept, lost, values, trims, generation) = state.withLock { state in
            let lost = Array(state.commits.suffix(min(count, state.commits.count - state.durableCount)))
            let end = state.commits.reduce(0) { $0 + $1.entries.count }
            state.commits.removeLast(lost.count)
            let kept = state.commits.reduce(0) { $0 + $1.entries.count }
            state.lostOffsets.lose(from: UInt64(end), keeping: UInt64(kept))
            state.hasLost = true
            return (state.commits, lost, state.values, state.trims.values, state.generation)
        }
        let base = makeBase(after: generation)
        let opening = try await base.open()
        for commit in kept { try await base.append(commit) }
        try await base.trim(Array(trims))
        for value in values { try await base.save([value]) }
        let (cards, position) = state.withLock { (Array($0.cards.values), $0.savedPosition) }
        try await base.saveCards(cards, through: position)
        base.close()
        state.withLock { state in
            state.base = base
            state.generation = opening.generation
        }
        witness.didLose(lost)
        return lost.reduce(0) { $0 + $1.entries.count }
    }
}
