import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import CoreMetrics
import Logging
import NIOCore
import Synchronization

/// Agents in other processes under fire: the real hub, and real workers over connections that are cut, that die in silence, and whose
/// programs are killed; people send messages and stop runs meanwhile.
///
/// The rules: nothing of a run comes after its end, nothing of an attempt after the next one has begun, and in the end every run
/// has ended. A world is a seed: the same one is the same world.
package final class WorkerWorld {
    private static let threadCount = 4
    private static let workerCount = 3
    private static let user: UserID = "u_0"

    private let time = SimulatedTime()
    private let executor = SimulatedExecutor()
    private let loops: [SimulatedEventLoop]
    private let hub: AgentEventsHub
    private let witness: LogWitness
    private let account = WorkerAccount()
    private let threads: [ThreadID]
    private var workers: [SimulatedWorker] = []
    private var tasks: [Task<Void, Never>] = []
    private var random: SimulationRandom
    private var connectionCount = 0
    private var messageCount = 0
    private var counts: [String: Int] = [:]

    package static func run(seed: UInt64, stepCount: Int) -> WorldOutcome {
        let world = WorkerWorld(seed: seed)
        for _ in 0..<stepCount where world.violation == nil { world.step() }
        world.settle()
        var outcome = WorldOutcome()
        outcome.violation = world.violation
        outcome.counts = world.counts.merging(world.account.counts) { $0 + $1 }
        return outcome
    }

    private var violation: String? { account.violation ?? witness.violation.map { "\($0)" } }

    private init(seed: UInt64) {
        random = SimulationRandom(seed: seed)
        let (time, executor) = (time, executor)
        loops = (0..<2).map { _ in SimulatedEventLoop(time: time) }
        threads = (0..<Self.threadCount).map { ThreadID(text: IdentifierText(unchecked: "t\($0)")) }
        witness = LogWitness(owners: threads.map { ThreadOwner(thread: $0, user: Self.user) })
        let environment = Environment(
            wallClock: time.wallClock, clock: time.clock, randomNumber: RandomNumbers(seed: seed ^ 1).next,
            backgroundExecutor: executor)
        var configuration = HubConfiguration()
        configuration.listsThreads = false
        configuration.workerLease = .seconds(10)
        hub = AgentEventsHub(
            runtime: AgentRuntime(
                log: InMemoryEventLog(), configuration: RuntimeConfiguration(environment: environment)),
            agents: [], authorizer: OwnershipAuthorizer(), authenticator: NoAuthentication(),
            configuration: configuration, limits: configuration.streamLimits(needsCredentials: false),
            metrics: NOOPMetricsHandler.instance,
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }, onUnresponsiveAgents: { _ in })
        hub.runtime.hub.add(account)
        let restarts: [RestartMode] = [.never, .again(attempts: 3), .resume]
        for number in 0..<Self.workerCount {
            workers.append(
                SimulatedWorker(
                    number: number, restart: restarts[Int(seed % 3)], environment: environment, executor: executor,
                    account: account, seed: seed ^ UInt64(number + 2)))
        }
        let hub = hub
        start { await hub.runUntilCancelled() }
    }

    private func note(_ occurrence: String) { counts[occurrence, default: 0] += 1 }

    private func start(_ body: @escaping @Sendable () async -> Void) {
        tasks.append(Task(executorPreference: executor) { await body() })
    }

    private func pick<Element>(_ elements: [Element]) -> Element { elements[random.below(elements.count)] }

    // MARK: Steps

    private func step() {
        switch random.below(200) {
        case ..<90: for _ in 0...random.below(16) { executor.runNext(random.next()) }
        case ..<130: pick(loops).runNext()
        case ..<178: move(pick(workers))
        case ..<182: send(to: pick(threads))
        case 182: stop(in: pick(threads))
        case 183: disturb(pick(workers))
        default:
            let isReady = executor.readyCount > 0 || loops.contains(where: \.isReady)
            if !isReady || random.once(in: 8) { time.fireNext() }
        }
    }

    /// Something that is on its way arrives, or a body continues.
    @discardableResult
    private func move(_ worker: SimulatedWorker) -> Bool {
        guard time.now >= worker.delayedUntil else { return false }
        let choice = random.next()
        if worker.network.isConnecting, random.once(in: 3) {
            connect(worker, choice)
            return true
        }
        let links = worker.network.links
        if !links.isEmpty {
            let link = links[Int(choice % UInt64(links.count))]
            if link.isReadyToDeliver {
                link.deliver()
                return true
            }
            if link.readNext() { return true }
        }
        if worker.pauses.waitingCount > 0 {
            worker.pauses.resume(choice)
            return true
        }
        guard worker.network.isConnecting else { return false }
        connect(worker, choice)
        return true
    }

    private func connect(_ worker: SimulatedWorker, _ choice: UInt64) {
        let loop = loops[connectionCount % loops.count]
        connectionCount += 1
        var made: SimulatedTransport.Handle?
        loop.run {
            let transport = SimulatedTransport(
                wire: SimulatedWire(capacity: 4096), loop: loop, highWater: 65_536, maximumPendingByteCount: .max
            ) { _ in }
            made = transport.handle
            let principal = Principal.backend(of: Self.user, [.read, .emit, .serve])
            transport.begin(hub.adopt(transport, as: principal, on: loop))
        }
        guard let made else { return }
        note("connected")
        worker.network.connect(choice, .success(SimulatedLink(made, witness: witness, time: time, isWorker: true)))
    }

    private func send(to thread: ThreadID) {
        messageCount += 1
        let (hub, account, number) = (hub, account, messageCount)
        start {
            do throws(ProtocolError) {
                let answer = try await hub.intake.submit(
                    MessageRequest(text: "message \(number)", agent: "far"), in: thread,
                    from: Principal.backend(of: Self.user, [.read, .command]))
                account.count("message \(answer.status.map { $0.rawValue } ?? "logged")")
            } catch {
                account.count("message refused \(error.code)")
            }
        }
    }

    private func stop(in thread: ThreadID) {
        messageCount += 1
        let (hub, account) = (hub, account)
        let key = IdempotencyKey(text: IdentifierText(unchecked: "stop\(messageCount)"))
        start {
            do throws(ProtocolError) {
                let answer = try await hub.commands.submit(
                    CommandRequest(thread: thread, key: key, CommandBody(.run(.stop, reason: nil))),
                    as: Principal.backend(of: Self.user, [.read, .command]))
                account.count("stop \(answer.outcome)")
            } catch {
                account.count("stop refused \(error.code)")
            }
        }
    }

    private func disturb(_ worker: SimulatedWorker) {
        let links = worker.network.links.filter(\.isOpen)
        switch random.below(8) {
        case 6, 7:
            // Up to three leases: what was sent before arrives when they are over.
            note("delayed")
            worker.delayedUntil = time.now + SimulatedTime.Nanoseconds(1 + random.below(30)) * 1_000_000_000
        case 0:
            note("killed")
            worker.kill(keeping: random.below(3))
        case 1 where !links.isEmpty:
            note("died in silence")
            pick(links).die()
        default:
            guard !links.isEmpty else { return }
            note("cut")
            pick(links).cut(tellsService: random.once(in: 2), keeping: random.below(3))
        }
    }

    // MARK: The end

    /// Nothing breaks any longer, and all that was begun ends.
    private func settle() {
        if violation == nil {
            for worker in workers { worker.settle() }
            for _ in 0..<4000 where violation == nil {
                drain()
                if account.openRuns.isEmpty { break }
                time.fireNext()
            }
            if !account.openRuns.isEmpty { account.fail("runs never end: \(account.openRuns)") }
        }
        for worker in workers { worker.stop() }
        for task in tasks { task.cancel() }
        drain()
        for loop in loops { loop.close() }
        if executor.foreignCount > 0 { account.fail("\(executor.foreignCount) jobs came from other threads") }
    }

    /// Until nothing can continue but time.
    private func drain() {
        for _ in 0..<200_000 {
            let ran = executor.runNext(random.next())
            let turned = loops.map { $0.runNext() }
            let moved = workers.map { move($0) }
            if !ran, !turned.contains(true), !moved.contains(true) { return }
        }
        account.fail("something never ends")
    }
}
