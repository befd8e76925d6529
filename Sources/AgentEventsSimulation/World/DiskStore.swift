import AgentEvents
import AgentEventsFileLog
import AgentEventsFiles
import AgentEventsSimulatedFiles
import Synchronization

/// The log in files on a simulated disk. Each process opens the same disk; what it must find there is exact: at `disk`
/// everything that was acknowledged, at `process` everything but what the loss of power may take.
///
/// Nothing in it has a thread of its own: the log works on the thread of its caller, and what it does beside that waits in
/// a queue for its turn.
final class DiskStore: WorldStore, ListingEventLog {
    private struct State {
        var log: FileEventLog?
        var queue = ManualWorkQueue()
        var random: SimulationRandom
        var account = DiskAccount()
        var values = DiskValues()
        /// Where threads begin when a trim that failed was done, by the number of the thread.
        var uncertainTrims: [Int: UInt64] = [:]
        /// The keys of the last commits.
        var keys: [KeyedEvents] = []
        var lastOpening: LogOpening?
        /// Whether the log is open; closing one that is not does nothing.
        var isOpen = false
        /// Whether an append failed since the last opening.
        var hasFailed = false
        /// Whether a synchronization was made to fail: what it gave up is only in the memory of the system. A kill would
        /// hide that until the next loss of power, and no program can know of it.
        var mayHaveFailedFlush = false
        /// Whether the end of the process is that of the machine.
        var losesPower = false
        /// Whether a trim is uncertain, so that the process has to end.
        var mustEnd = false
        var mayHaveLost = false
        var isSettling = false
        /// The names of all files of blocks that were seen.
        var blockFiles: Set<String> = []
    }

    let witness: LogWitness
    private let time: SimulatedTime
    private let disk: SimulatedDisk
    private let configuration: FileEventLog.Configuration
    private let check: DiskCheck
    private let state: Mutex<State>

    private static let folder = "/data"
    private static let path = folder + "/log"
    private static let keptKeyCount = 32

    init(witness: LogWitness, time: SimulatedTime, seed: UInt64) {
        self.witness = witness
        self.time = time
        var random = SimulationRandom(seed: seed)
        let disk = SimulatedDisk(seed: random.next())
        self.disk = disk
        guard let index = try? MemoryIndex({ try disk.operate(.transaction) }),
            (try? disk.createFolder(Self.folder)) != nil, (try? disk.openFolder("/").synchronize()) != nil
        else { preconditionFailure("a disk in memory is there") }
        configuration = Self.configuration(disk, index, time, &random)
        check = DiskCheck(witness: witness)
        state = Mutex(State(random: random))
    }

    /// Small, so that files are begun, sealed and removed often, and the index is written in many steps.
    private static func configuration(
        _ disk: SimulatedDisk,
        _ index: MemoryIndex,
        _ time: SimulatedTime,
        _ random: inout SimulationRandom
    ) -> FileEventLog.Configuration {
        var configuration = FileEventLog.Configuration(durability: random.once(in: 2) ? .disk : .process)
        configuration.chunkReferenceCount = 2 + random.below(4)
        configuration.tailEventCount = 10 + random.below(60)
        configuration.threadsInMemory = 1 + random.below(4)
        configuration.indexUpdateCount = 1 + random.below(4)
        configuration.segmentByteCount = Int64(1000 + random.below(12_000))
        configuration.allocationByteCount = 500 + random.below(6000)
        configuration.inlineReadCount = 1 + random.below(16)
        configuration.files = disk
        configuration.index = .memory(index)
        configuration.now = time.wallClock.now
        configuration.monotonicNow = { .nanoseconds(time.now) }
        configuration.generations = GenerationSource(
            clock: time.wallClock, random: RandomNumbers(seed: random.next()).next)
        return configuration
    }

    private var isDurable: Bool { configuration.durability == .disk }

    private func tick() {
        disk.advanceTime(milliseconds: time.wallClock.now().milliseconds - disk.time.milliseconds)
    }

    private func log() throws(EventLogError) -> FileEventLog {
        guard let log = state.withLock({ $0.log }) else { throw EventLogError(.closed, "the log is not open") }
        tick()
        return log
    }

    // MARK: Opening

    func open() async throws(EventLogError) -> LogOpening {
        tick()
        let log = state.withLock { state in
            state.queue = ManualWorkQueue()
            var configuration = configuration
            configuration.workers = .caller(background: state.queue)
            let log = FileEventLog(path: Self.path, configuration: configuration)
            state.log = log
            if !state.isSettling, state.random.once(in: 6) { stopLater(&state) }
            return log
        }
        do throws(EventLogError) {
            let opening = try await log.open()
            state.withLock { $0.isOpen = true }
            try await takeOver(log, opening)
            return opening
        } catch {
            if error.code == .corrupt {
                witness.fail(InvariantViolation(.acknowledgedIsKept, "the log is refused: \(error)"))
            }
            throw error
        }
    }

    private func takeOver(_ log: FileEventLog, _ opening: LogOpening) async throws(EventLogError) {
        witness.count(.fileLogOpened)
        if let last = state.withLock({ $0.lastOpening }) {
            check.rises(opening, last)
        }
        state.withLock { state in
            state.lastOpening = opening
            let names = Set((try? disk.names(inFolder: Self.path + "-blocks")) ?? [])
            witness.count(.blockFileRemoved, state.blockFiles.subtracting(names).count)
            state.blockFiles = names
        }
        var heads: [Int: EventID] = [:]
        for (number, thread) in witness.threads.enumerated() {
            heads[number] = try await log.thread(thread.owner.thread)?.head
        }
        let found = state.withLock { state in
            state.account.takeOver(heads, witness.threads, number: witness.number(of:))
        }
        guard let found else {
            let due = witness.threads.map { $0.event($0.head)?.id.description ?? "none" }
            let are = due.indices.map { heads[$0]?.description ?? "none" }
            return witness.fail(
                InvariantViolation(
                    .acknowledgedIsKept,
                    "the log has \(are) where \(due) was acknowledged, at \(configuration.durability)"))
        }
        settleCommits(found)
        try await check.trims(log, state.withLock { $0.uncertainTrims })
        state.withLock { $0.uncertainTrims = [:] }
        try await checkValues(log)
        try await check.everything(log, opening, keys: state.withLock { $0.keys })
    }

    private func settleCommits(_ found: DiskAccount.Found) {
        if let kept = found.kept {
            witness.count(.uncertainKept)
            didCommit(kept)
        }
        if found.lostUncertain { witness.count(.uncertainLost) }
        guard !found.lost.isEmpty else { return }
        let lost = Set(found.lost.flatMap { $0.entries.map(\.id) })
        state.withLock { state in state.keys.removeAll { !lost.isDisjoint(with: $0.ids) } }
        witness.count(.eventsLost, found.lost.reduce(0) { $0 + $1.entries.count })
        witness.didLose(found.lost)
    }

    private func checkValues(_ log: FileEventLog) async throws(EventLogError) {
        var found: [StoredValue] = []
        for value in state.withLock({ $0.values.all }) {
            let bytes = try await log.load(value.kind, thread: value.thread, name: value.name)
            found.append(StoredValue(value.kind, thread: value.thread, name: value.name, bytes: bytes))
        }
        let wrong = state.withLock { $0.values.takeOver(found) }
        if let wrong {
            witness.fail(
                InvariantViolation(.acknowledgedIsKept, "the \(wrong.kind) \(wrong.name) is not what was saved"))
        }
        witness.didSave(found)
    }

    // MARK: Writing

    func append(_ commit: LogCommit) async throws(EventLogError) {
        let log = try log()
        do throws(EventLogError) {
            try await log.append(commit)
        } catch {
            witness.count(.logFailed)
            state.withLock { state in
                state.hasFailed = true
                state.account.didFail(commit)
            }
            throw error
        }
        state.withLock { $0.account.didAppend(commit, isDurable: isDurable) }
        didCommit(commit)
    }

    private func didCommit(_ commit: LogCommit) {
        state.withLock { state in
            state.keys += commit.keys
            state.keys.removeFirst(max(0, state.keys.count - Self.keptKeyCount))
        }
        witness.didCommit(commit)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        let log = try log()
        state.withLock { $0.values.willSave(values) }
        try await log.save(values)
        state.withLock { $0.values.didSave(values) }
        witness.didSave(values)
    }

    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        let log = try log()
        witness.willTrim(trims)
        do throws(EventLogError) {
            try await log.trim(trims)
        } catch {
            state.withLock { state in
                state.mustEnd = true
                for trim in trims {
                    guard let number = witness.number(of: trim.thread) else { continue }
                    state.uncertainTrims[number] = max(state.uncertainTrims[number] ?? 0, trim.firstKept)
                }
            }
            throw error
        }
        state.withLock { $0.account.becomeDurable() }
        for trim in trims {
            if let record = try await log.thread(trim.thread) {
                witness.didTrim(trim.thread, to: record.oldest.sequence)
            }
        }
    }

    // MARK: Reading

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log().read(request) }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log().thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log().startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log().recall(key, in: thread)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        try await log().load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await log().loadAll(kind, thread: thread)
    }

    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        try await log().expired(query)
    }

    // MARK: Cards

    func listing() async throws(EventLogError) -> ListingPosition { try await log().listing() }

    func cards(of threads: [ThreadID]) async throws(EventLogError) -> [ThreadCard] {
        try await log().cards(of: threads)
    }

    func saveCards(_ cards: [ThreadCard], through offset: UInt64) async throws(EventLogError) {
        try await log().saveCards(cards, through: offset)
        // What they tell of, no loss of power takes.
        state.withLock { $0.account.becomeDurable() }
    }

    func list(_ query: CardQuery) async throws(EventLogError) -> [ThreadCard] { try await log().list(query) }

    // MARK: What goes wrong

    var waitingCount: Int { state.withLock { $0.log == nil ? 0 : $0.queue.count } }

    func doNext() {
        tick()
        state.withLock { $0.queue }.doNext()
    }

    var isStopped: Bool { disk.isStopped || state.withLock { $0.mustEnd } }

    /// A machine that loses power before anything was flushed may leave nothing that can be told from damage.
    private func mayLosePower(_ state: borrowing State) -> Bool { isDurable || state.account.hasDurable }

    private func stopLater(_ state: inout State) {
        disk.stop(after: state.random.below(40))
        state.losesPower = mayLosePower(state) && state.random.once(in: 2)
    }

    func failLater(_ random: inout SimulationRandom) -> Bool {
        let (kind, count) = (random.below(6), 1 + random.below(4))
        state.withLock { state in
            switch kind {
            case 0: disk.setFreeByteCount(state.random.below(6000))
            case 1, 2: stopLater(&state)
            default:
                let operation = SimulatedDisk.Operation.allCases[
                    state.random.below(SimulatedDisk.Operation.allCases.count)]
                // Reads that fail are told to the reader; what matters here is what the log keeps.
                guard operation != .read, operation != .open else { return }
                if operation == .synchronize || operation == .synchronizeNames {
                    guard mayLosePower(state) else { return }
                    state.mayHaveFailedFlush = true
                }
                disk.fail(operation, after: count, state.random.once(in: 2) ? .full : .other)
            }
        }
        return true
    }

    func endProcess(isOrderly: Bool, _ random: inout SimulationRandom) {
        if isOrderly, random.once(in: 2) { close(&random) }
        state.withLock { state in
            let losesPower = state.losesPower && disk.isStopped || state.mayHaveFailedFlush
            state.log = nil
            state.queue = ManualWorkQueue()
            if losesPower { losePower(&state) } else { disk.endProcess() }
            if state.isSettling || random.once(in: 2) { disk.setFreeByteCount(nil) }
            (state.isOpen, state.hasFailed, state.mayHaveFailedFlush) = (false, false, false)
            (state.losesPower, state.mustEnd) = (false, false)
        }
    }

    /// The log is closed as it should be.
    private func close(_ random: inout SimulationRandom) {
        guard let log = state.withLock({ $0.isOpen ? $0.log : nil }) else { return }
        let executor = SimulatedExecutor()
        Task(executorPreference: executor) { [self] in
            guard (try? await log.close()) != nil else { return }
            state.withLock { state in if !state.hasFailed { state.account.becomeDurable() } }
        }
        executor.runUntilIdle(&random)
    }

    func losePower(_ random: inout SimulationRandom) {
        state.withLock { state in if mayLosePower(state) { losePower(&state) } }
    }

    private func losePower(_ state: inout State) {
        disk.cutPower()
        state.account.losePower()
        state.mayHaveLost = !isDurable
    }

    func takeLoss() -> Bool {
        state.withLock { state in
            defer { state.mayHaveLost = false }
            return state.mayHaveLost
        }
    }

    func settle() {
        state.withLock { $0.isSettling = true }
        disk.setFreeByteCount(nil)
    }
}
