import AgentEvents
import Synchronization

/// Another process that writes the same log: a real runtime with agents, readers and programs around it, in the same
/// threads as the service, and with some of the same keys. It ends like a process: what it had in memory is gone.
final class OtherProcess {
    private final class Life: Sendable {
        private let state = Mutex(false)
        var hasEnded: Bool { state.withLock { $0 } }
        func end() { state.withLock { $0 = true } }
    }

    /// What runs in the tasks of the process.
    private struct Parts: Sendable {
        let runtime: AgentRuntime
        let crew: AgentCrew
        let emitters: OtherEmitters
        let life: Life

        func run() async {
            await withDiscardingTaskGroup { tasks in
                tasks.addTask { await crew.run(runtime) }
                tasks.addTask { await emitters.run(runtime, crew) }
                // That the log has failed is seen by everybody who waits for it.
                try? await runtime.run()
                crew.stop()
            }
            life.end()
        }
    }

    let executor = SimulatedExecutor()
    let gate: LogGate
    let crew: AgentCrew
    private let parts: Parts
    private let life = Life()
    private var tasks: [Task<Void, Never>] = []
    private var isStopping = false

    init(_ world: RealWorld, _ store: ContendedStore, _ emitters: OtherEmitters, number: Int) {
        let seed = world.seed ^ UInt64(number) << 40 ^ 0x07E2
        gate = LogGate(store: store, seed: seed ^ 1)
        crew = AgentCrew(
            owners: world.owners, process: 1, contention: store, witness: world.witness,
            wallClock: world.time.wallClock, seed: seed ^ 2)
        var configuration = RuntimeConfiguration(
            environment: Environment(
                wallClock: world.time.wallClock, clock: world.time.clock,
                randomNumber: RandomNumbers(seed: seed).next, backgroundExecutor: executor))
        configuration.highWaterByteCount = LogGate.highWaterByteCount
        configuration.maximumIdleContexts = 2
        configuration.idleContextTimeout = .seconds(3)
        configuration.emittedRunTimeout = .seconds(20)
        parts = Parts(
            runtime: AgentRuntime(log: store.log(through: gate), configuration: configuration), crew: crew,
            emitters: emitters, life: life)
        let parts = parts
        tasks.append(Task(executorPreference: executor) { await parts.run() })
    }

    var hasEnded: Bool { life.hasEnded }

    /// Whether something can go on without time going on.
    var isReady: Bool { executor.readyCount > 0 || gate.waitingCount > 0 || crew.pauses.waitingCount > 0 }

    /// The process stops as it should.
    func stop() -> Bool {
        guard !isStopping else { return false }
        isStopping = true
        let parts = parts
        tasks.append(
            Task(executorPreference: executor) {
                // Where the log has failed, there is nothing left to end.
                try? await parts.runtime.cancelHostedRuns(reason: "the other process stops")
                parts.runtime.shutdown()
            })
        return true
    }

    /// The process is gone, at once.
    ///
    /// - Parameter isStored: whether the commit that is under way is kept.
    func kill(isStored: Bool, _ random: inout SimulationRandom) -> InvariantViolation? {
        crew.stop()
        gate.sever(isStored: isStored)
        for task in tasks { task.cancel() }
        var count = 0
        while count < 1_000_000, executor.runNext(random.next()) { count += 1 }
        guard hasEnded else {
            return InvariantViolation(.liveness, "the other process does not end when its log fails")
        }
        guard executor.foreignCount == 0 else {
            return InvariantViolation(.deterministic, "\(executor.foreignCount) jobs came from other threads")
        }
        return nil
    }
}
