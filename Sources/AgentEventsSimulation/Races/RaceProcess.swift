import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Logging
import Synchronization

/// A process of a race: the real runtime, hub and dispatcher over a log in memory, on an executor that is run until nothing
/// can continue but time.
final class RaceProcess {
    let executor = SimulatedExecutor()
    let hub: AgentEventsHub
    let gates: RaceGates
    private let log: RaceLog
    private let stopping = WakeSignal()
    private let ended = RaceOutcome<Bool>()
    private var tasks: [Task<Void, Never>] = []

    init(_ log: RaceLog, _ time: SimulatedTime, begun: Int, number: Int) {
        self.log = log
        gates = RaceGates(begun: begun)
        let environment = Environment(
            wallClock: time.wallClock, clock: time.clock,
            randomNumber: RandomNumbers(seed: UInt64(number) << 32 | 7).next, backgroundExecutor: executor)
        var configuration = HubConfiguration()
        configuration.shutdownGrace = .seconds(2)
        // The races are others.
        configuration.listsThreads = false
        hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: RuntimeConfiguration(environment: environment)),
            agents: [RaceAgent(gates: gates)], authorizer: OwnershipAuthorizer(), configuration: configuration,
            logger: Logger(label: "race") { _ in SwiftLogNoOpLogHandler() })
        let (hub, stopping, ended) = (hub, stopping, ended)
        let task = Task(executorPreference: executor) {
            // That its log is gone is seen by everybody who waits for it.
            try? await hub.run(
                serving: {
                    try await hub.runtime.waitForStart()
                    await hub.closing.wait()
                }, until: { _ = await stopping.wait() })
            ended.set(true)
        }
        tasks.append(task)
        settle()
    }

    var hasEnded: Bool { ended.value ?? false }

    /// Runs until nothing can continue but time.
    func settle() { while executor.runNext() {} }

    /// Does something in a task of the process.
    ///
    /// - Returns: what came of it; `nil` when it has not returned although nothing can continue but time.
    func perform<Value: Sendable>(_ body: @escaping @Sendable (AgentEventsHub) async -> Value) -> Value? {
        let (hub, outcome) = (hub, RaceOutcome<Value>())
        tasks.append(Task(executorPreference: executor) { outcome.set(await body(hub)) })
        settle()
        return outcome.value
    }

    /// The process is told to stop.
    func stop() {
        stopping.signal()
        settle()
    }

    /// The process is gone at once: its log takes nothing any longer.
    func kill() {
        log.cut()
        gates.stop()
        for task in tasks { task.cancel() }
        settle()
    }
}

/// What came of something in another task.
private final class RaceOutcome<Value: Sendable>: Sendable {
    private let state = Mutex<Value?>(nil)

    var value: Value? { state.withLock { $0 } }

    func set(_ value: Value) { state.withLock { $0 = value } }
}

/// The log of one process of a race; what is in it is kept for the next one.
final class RaceLog: EventLog {
    /// What is kept, and the commits that made it.
    final class Kept: Sendable {
        let log = InMemoryEventLog(
            generations: GenerationSource(clock: WallClock { Timestamp(milliseconds: 0) }, random: { 0 }))
        private let noted = Mutex<[[StoredEvent]]>([])

        var commits: [[StoredEvent]] { noted.withLock { $0 } }

        func note(_ commit: LogCommit) {
            let events = commit.entries.map { StoredEvent(thread: $0.owner.thread, id: $0.id, bytes: $0.bytes) }
            noted.withLock { $0.append(events) }
        }
    }

    private let kept: Kept
    private let isCut = Mutex(false)

    init(_ kept: Kept) { self.kept = kept }

    /// From now on it takes nothing; another process may open what is kept.
    func cut() {
        isCut.withLock { $0 = true }
        kept.log.close()
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        guard !isCut.withLock({ $0 }) else { throw EventLogError(.failed, "the process is gone") }
        try await kept.log.append(commit)
        kept.note(commit)
    }

    func open() async throws(EventLogError) -> LogOpening { try await kept.log.open() }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await kept.log.read(request) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await kept.log.thread(thread) }
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await kept.log.startedRuns(among: runs, in: thread)
    }
    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await kept.log.recall(key, in: thread)
    }
}
