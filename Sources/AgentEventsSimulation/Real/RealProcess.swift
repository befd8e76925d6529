import AgentEvents
import AgentEventsServer
import Logging
import NIOCore
import Synchronization

/// One process of the service: the real runtime, the real streams, agents and sinks, on loops and an executor that the
/// schedule drives. It ends like a process: what it had in memory is gone.
final class RealProcess {
    /// What the tasks of the process tell.
    private final class Life: Sendable {
        private let state = Mutex((hasStarted: false, hasEnded: false, isStopping: false))

        var hasStarted: Bool { state.withLock { $0.hasStarted } }
        var hasEnded: Bool { state.withLock { $0.hasEnded } }
        var isStopping: Bool { state.withLock { $0.isStopping } }

        func start() { state.withLock { $0.hasStarted = true } }
        func end() { state.withLock { $0.hasEnded = true } }
        func stop() { state.withLock { $0.isStopping = true } }
    }

    /// What runs in the tasks of the process.
    private struct Parts: Sendable {
        let runtime: AgentRuntime
        let streams: MountedStreams
        let dispatcher: AgentDispatcher
        let crew: AgentCrew
        let life: Life

        func run() async {
            await withDiscardingTaskGroup { group in
                group.addTask { await streams.run() }
                group.addTask { await dispatcher.run() }
                group.addTask { await crew.run(runtime) }
                group.addTask {
                    if (try? await runtime.waitForStart()) != nil { life.start() }
                }
                // That the log has failed is seen by everybody who waits for it.
                try? await runtime.run()
                crew.stop()
                dispatcher.cancel()
                if !life.isStopping {
                    streams.closeConnections(waitsForAnswers: true)
                    await streams.waitForConnections()
                }
                streams.finish()
            }
            life.end()
        }

        func stop() async {
            dispatcher.close()
            streams.drain(spreadMilliseconds: 1000)
            await runtime.waitForEmittedRuns(silentFor: .milliseconds(500))
            try? await runtime.cancelHostedRuns(reason: "shutdown")
            crew.stop()
            dispatcher.cancel()
            streams.closeConnections(waitsForAnswers: true)
            await streams.waitForConnections()
            runtime.shutdown()
        }
    }

    let executor = SimulatedExecutor()
    let loops: [SimulatedEventLoop]
    let log: CrashingLog
    let runtime: AgentRuntime
    let intake: MessageIntake
    let dispatcher: AgentDispatcher
    let crew: AgentCrew
    private let maximumRuns: Int
    private let streams: MountedStreams
    private let preemption: Preemption
    private let life = Life()
    private let watermark: Int
    private var channels: [SimulatedChannel] = []
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
        log = CrashingLog(store: world.store, seed: seed ^ 1)
        var configuration = RuntimeConfiguration(environment: environment)
        configuration.highWaterByteCount = 4096
        configuration.maximumIdleContexts = 2
        configuration.idleContextSeconds = 3
        configuration.emittedRunTimeout = .seconds(20)
        if world.retains {
            configuration.retention = RetentionPolicy(maximumEventsPerThread: 24)
            configuration.retentionSeconds = 5
        }
        var sink = DurableSink(world.sink, startingFrom: .beginning)
        sink.savedEventCount = 7
        runtime = AgentRuntime(log: log, sinks: [sink], configuration: configuration)
        crew = AgentCrew(owners: world.crewOwners, witness: world.witness, seed: seed ^ 2)
        maximumRuns = max(1, size.threadCount / 2)
        dispatcher = AgentDispatcher(
            runtime: runtime, agents: [CrewAgent(crew: crew)], maximumRuns: maximumRuns,
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() })
        intake = MessageIntake(runtime: runtime, dispatcher: dispatcher)
        var limits = MountedStreams.Limits()
        watermark = size.watermarkByteCount
        limits.outboundWatermarkByteCount = size.watermarkByteCount
        limits.maximumInboxByteCount = 4 * size.watermarkByteCount
        limits.maximumWriteByteCount = 2 * size.watermarkByteCount
        streams = MountedStreams(
            runtime: runtime, group: SimulatedEventLoopGroup(loops: loops), limits: limits)
        parts = Parts(runtime: runtime, streams: streams, dispatcher: dispatcher, crew: crew, life: life)
        let parts = parts
        let task = Task(executorPreference: executor) { await parts.run() }
        tasks.append(task)
    }

    /// As `AgentEventsService` stops: the agents first, then the connections, then the runtime.
    func stop() {
        guard !life.isStopping else { return }
        life.stop()
        let parts = parts
        let task = Task(executorPreference: executor) { await parts.stop() }
        tasks.append(task)
    }

    var takesConnections: Bool { life.hasStarted && !life.isStopping && !life.hasEnded }
    var hasEnded: Bool { life.hasEnded }
    var isStopping: Bool { life.isStopping }

    // MARK: Steps

    func beginStep(_ value: UInt64) { preemption.begin(value) }

    /// Does something in a task of the process.
    func start(_ body: @escaping @Sendable (MessageIntake) async -> Void) {
        let intake = intake
        let task = Task(executorPreference: executor) { await body(intake) }
        tasks.append(task)
    }

    /// Whether something can go on without time going on.
    var isReady: Bool {
        executor.readyCount > 0 || loops.contains(where: \.isReady) || log.waitingCount > 0
    }

    /// A client has connected.
    func connect(as principal: Principal) -> (SimulatedChannel, SimulatedEventLoop) {
        let loop = loops[connectionCount % loops.count]
        connectionCount += 1
        let wire = SimulatedWire(capacity: max(256, watermark / 2))
        var made: SimulatedChannel?
        loop.run {
            let channel = SimulatedChannel(loop: loop, wire: wire, highWater: watermark)
            made = channel
            // The handlers take every channel of their loops.
            try? streams.adopt(channel, as: principal)
            if channel.isActive { channel.pipeline.syncOperations.read() }
        }
        guard let made else { preconditionFailure("the loop ran it") }
        channels.removeAll { !$0.isActive }
        channels.append(made)
        preemption.set(channels)
        return (made, loop)
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
        for channel in channels { channel.wire.end(keeping: kept) }
        log.sever(isStored: isStored)
        for channel in channels { channel.eventLoop.execute { channel.lose() } }
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
        for channel in channels { channel.wire.end() }
        log.sever(isStored: false)
        for loop in loops { loop.close() }
        log.close()
        channels = []
    }

    /// Slots that are kept although no agent runs.
    var slotViolation: InvariantViolation? {
        var reserved = 0
        for _ in 0..<maximumRuns where (try? dispatcher.reserve()) != nil { reserved += 1 }
        for _ in 0..<reserved { dispatcher.giveBack() }
        guard reserved == maximumRuns else {
            return InvariantViolation(.slots, "\(maximumRuns - reserved) of \(maximumRuns) slots are kept by nobody")
        }
        return nil
    }
}

/// Random numbers for the tasks of a process.
private final class RandomNumbers: Sendable {
    private let random: Mutex<SimulationRandom>

    init(seed: UInt64) { random = Mutex(SimulationRandom(seed: seed)) }

    @Sendable func next() -> UInt64 { random.withLock { $0.next() } }
}
