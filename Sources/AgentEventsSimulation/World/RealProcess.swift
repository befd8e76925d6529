import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import CoreMetrics
import Logging
import NIOCore
import Synchronization

/// One process of the service: the real runtime, the real streams, agents and sinks, on loops and an executor that the
/// schedule drives. It ends like a process: what it had in memory is gone.
final class RealProcess {
    /// What the tasks of the process tell.
    private final class Life: Sendable {
        private let state = Mutex((hasStarted: false, hasEnded: false, isStopping: false))
        private let shutdown = WakeUp()

        var hasStarted: Bool { state.withLock { $0.hasStarted } }
        var hasEnded: Bool { state.withLock { $0.hasEnded } }
        var isStopping: Bool { state.withLock { $0.isStopping } }

        func start() { state.withLock { $0.hasStarted = true } }
        func end() { state.withLock { $0.hasEnded = true } }

        /// The process stops as it should.
        func stop() {
            state.withLock { $0.isStopping = true }
            shutdown.resume(returning: ())
        }

        /// Returns when the process is to stop; what the library of the service waits with has tasks of its own.
        func waitForStop() async throws {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    shutdown.set(continuation)
                    if isStopping { shutdown.resume(returning: ()) }
                    if Task.isCancelled { shutdown.resume(throwing: CancellationError()) }
                }
            } onCancel: {
                shutdown.resume(throwing: CancellationError())
            }
        }
    }

    /// What runs in the tasks of the process.
    private struct Parts: Sendable {
        let hub: AgentEventsHub
        let crew: AgentCrew
        let life: Life

        func run() async {
            await withDiscardingTaskGroup { tasks in
                tasks.addTask { await crew.run(hub.runtime) }
                tasks.addTask {
                    if (try? await hub.runtime.waitForStart()) != nil { life.start() }
                }
                // That the log has failed is seen by everybody who waits for it.
                try? await hub.run(
                    serving: {
                        try await hub.runtime.waitForStart()
                        hub.readiness.start()
                        await hub.closing.wait()
                    },
                    until: { try await life.waitForStop() })
                crew.stop()
            }
            life.end()
        }
    }

    let executor = SimulatedExecutor()
    let loops: [SimulatedEventLoop]
    let gate: LogGate
    let crew: AgentCrew
    private let hub: AgentEventsHub
    private let preemption: Preemption
    private let life = Life()
    private let watermark: Int
    private let witness: LogWitness
    private var transports: [SimulatedTransport.Handle] = []
    private var connectionCount = 0
    private var tasks: [Task<Void, Never>] = []
    private let parts: Parts

    init(_ world: RealWorld, number: Int) {
        let size = world.size
        let seed = world.seed ^ UInt64(number) << 40
        let executor = executor
        let preemption = Preemption(interval: size.faultInterval == 0 ? 0 : 3)
        self.preemption = preemption
        let environment = Environment(
            wallClock: world.time.wallClock, clock: world.time.clock,
            randomNumber: RandomNumbers(seed: seed).next, backgroundExecutor: executor)
        loops = (0..<size.loopCount).map { _ in
            SimulatedEventLoop(time: world.time, willHop: { preemption.happen() })
        }
        preemption.set(loops, executor)
        gate = LogGate(store: world.store, seed: seed ^ 1)
        var configuration = RuntimeConfiguration(environment: environment)
        configuration.highWaterByteCount = LogGate.highWaterByteCount
        configuration.maximumIdleContexts = 2
        configuration.idleContextTimeout = .seconds(3)
        configuration.emittedRunTimeout = .seconds(20)
        if world.retains {
            configuration.retention = world.retention
            configuration.retentionInterval = .seconds(5)
        }
        var sink = DurableSink(world.sink, startingFrom: .beginning)
        sink.savedEventCount = 7
        let runtime = AgentRuntime(
            log: world.store.log(through: gate), sinks: [sink], configuration: configuration)
        crew = AgentCrew(
            owners: world.crewOwners, process: 0, contention: world.store as? ContendedStore, witness: world.witness,
            wallClock: world.time.wallClock, seed: seed ^ 2)
        watermark = size.watermarkByteCount
        witness = world.witness
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        hub = AgentEventsHub(
            runtime: runtime,
            agents: [
                CrewAgent(
                    crew: crew, restart: CrewAgent.restarts[Int(seed % 3)], isParallel: world.isParallel,
                    mergesQueued: world.mergesQueued)
            ],
            authorizer: OwnershipAuthorizer(),
            authenticator: SimulatedTokens.Issuer(wallClock: world.time.wallClock),
            configuration: Self.configuration(maximumRuns: max(1, size.threadCount / 2)),
            limits: Self.limits(watermark),
            metrics: ServiceMetrics(witness: world.witness), logger: logger, onUnresponsiveAgents: { _ in })
        // After the list of threads, which is so never behind it.
        runtime.hub.add(gate.told)
        parts = Parts(hub: hub, crew: crew, life: life)
        let parts = parts
        let task = Task(executorPreference: executor) { await parts.run() }
        tasks.append(task)
    }

    private static func configuration(maximumRuns: Int) -> HubConfiguration {
        var configuration = HubConfiguration()
        configuration.maximumConcurrentRuns = maximumRuns
        configuration.maximumQueuedRuns = 3
        configuration.maximumQueuedRunsPerThread = 2
        configuration.shutdownGrace = .seconds(2)
        configuration.reconnectSpread = .seconds(1)
        return configuration
    }

    /// Small, so that everything that has a limit reaches it.
    private static func limits(_ watermark: Int) -> StreamLimits {
        var limits = StreamLimits()
        limits.outboundWatermarkByteCount = watermark
        limits.maximumInboxByteCount = 4 * watermark
        limits.maximumWriteByteCount = 2 * watermark
        limits.maximumSubscriptions = 8
        limits.pageByteCount = 2048
        limits.maximumPages = 2
        limits.maximumInlineByteCount = 512
        limits.maximumQueuedRequests = 6
        limits.maximumBacklogByteCount = 2048
        limits.heartbeatMilliseconds = 5000
        limits.stallMilliseconds = 12_000
        limits.leaveMilliseconds = 2000
        return limits
    }

    /// The watermark, and all that may be written at once when it is not reached: a commit and a page, or a part of a state;
    /// and the answers that are written in any case until nothing further is read.
    private static func maximumPendingByteCount(_ watermark: Int) -> Int {
        let limits = limits(watermark)
        let largestEventByteCount = 1024
        let answers =
            limits.maximumBacklogByteCount + (limits.maximumQueuedRequests + limits.maximumSubscriptions) * 1024
        return watermark + limits.maximumWriteByteCount + limits.pageByteCount + largestEventByteCount + answers
    }

    /// The hub stops as it should.
    func stop() {
        guard !life.isStopping else { return }
        life.stop()
    }

    var takesConnections: Bool { life.hasStarted && !life.isStopping && !life.hasEnded }
    var hasEnded: Bool { life.hasEnded }
    var isStopping: Bool { life.isStopping }

    // MARK: Steps

    func beginStep(_ value: UInt64) { preemption.begin(value) }

    /// Does something in a task of the process.
    func start(_ body: @escaping @Sendable (AgentEventsHub) async -> Void) {
        let hub = hub
        let task = Task(executorPreference: executor) { await body(hub) }
        tasks.append(task)
    }

    /// Whether something can go on without time going on.
    var isReady: Bool {
        executor.readyCount > 0 || loops.contains(where: \.isReady) || gate.waitingCount > 0
    }

    /// A client has connected.
    func connect(as principal: Principal) -> SimulatedTransport.Handle {
        let loop = loops[connectionCount % loops.count]
        connectionCount += 1
        let wire = SimulatedWire(capacity: max(256, watermark / 2))
        var made: SimulatedTransport.Handle?
        loop.run {
            let transport = SimulatedTransport(
                wire: wire, loop: loop, highWater: watermark,
                maximumPendingByteCount: Self.maximumPendingByteCount(watermark)
            ) { [witness] byteCount in
                witness.fail(InvariantViolation(.boundedMemory, "\(byteCount) bytes wait for a client"))
            }
            made = transport.handle
            transport.begin(hub.adopt(transport, as: principal, on: loop))
        }
        guard let made else { preconditionFailure("the loop ran it") }
        transports.removeAll { !$0.isOpen }
        transports.append(made)
        preemption.set(transports)
        return made
    }

    // MARK: The end

    /// The process is gone, at once. What still waits in it runs into a log that takes nothing and connections that nobody
    /// has, until its tasks have ended: if they do not, a process that stops would hang as well.
    ///
    /// - Parameters:
    ///   - isStored: whether the commit that is under way is kept.
    ///   - kept: so many writes of each connection still arrive.
    func kill(isStored: Bool, keeping kept: Int, _ random: inout SimulationRandom) -> InvariantViolation? {
        preemption.set([], nil)
        crew.stop()
        for transport in transports {
            transport.wire.end(keeping: kept)
            if transport.wire.hasBytes { witness.count(.lateEventsOfOldConnection) }
        }
        gate.sever(isStored: isStored)
        for transport in transports { transport.lose() }
        for task in tasks { task.cancel() }
        var count = 0
        while count < 1_000_000 {
            count += 1
            let ran = executor.runNext(random.next())
            let turned = loops[random.below(loops.count)].runNext()
            guard ran || turned || loops.contains(where: \.isReady) else { break }
        }
        defer { close() }
        guard hasEnded else {
            return InvariantViolation(.liveness, "a process whose log failed does not end")
        }
        return foreign
    }

    /// What is wrong when something ran elsewhere.
    var foreign: InvariantViolation? {
        guard executor.foreignCount > 0 else { return nil }
        return InvariantViolation(.deterministic, "\(executor.foreignCount) jobs came from other threads")
    }

    /// The process has ended by itself.
    func close() {
        preemption.set([], nil)
        crew.stop()
        for transport in transports { transport.wire.end() }
        gate.sever(isStored: false)
        for loop in loops { loop.close() }
        transports = []
    }

    /// A slot that is kept although nothing can continue but time: runs that work do not wait for time, so that each run waits
    /// for people.
    var slotOfRestingRun: InvariantViolation? {
        guard takesConnections, !isReady, crew.pauses.waitingCount == 0 else { return nil }
        let (slots, bodies) = (hub.dispatcher.slotCount, hub.dispatcher.runningCount)
        if slots < bodies { witness.count(.runRested) }
        guard slots > 0 else { return nil }
        return InvariantViolation(.slots, "\(slots) slots are kept by runs that wait for people, of \(bodies)")
    }

    /// Slots that are kept although no agent runs.
    var slotViolation: InvariantViolation? {
        let dispatcher = hub.dispatcher
        guard dispatcher.slotCount == 0, dispatcher.runningCount == 0, dispatcher.queuedCount == 0 else {
            return InvariantViolation(
                .slots,
                "\(dispatcher.slotCount) slots are kept by nobody, \(dispatcher.runningCount) bodies are counted, and "
                    + "\(dispatcher.queuedCount) queued runs")
        }
        return nil
    }
}

/// Random numbers for those who are called from tasks.
final class RandomNumbers: Sendable {
    private let random: Mutex<SimulationRandom>

    init(seed: UInt64) { random = Mutex(SimulationRandom(seed: seed)) }

    @Sendable func next() -> UInt64 { random.withLock { $0.next() } }
}
