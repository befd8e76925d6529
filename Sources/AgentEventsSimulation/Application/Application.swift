import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// A program with the Swift client, as the schedule has it: its connections, its token, and its lives. It is told to end, or
/// killed, and begins again; what it began with is to have ended then.
final class Application: Sendable {
    private struct State {
        var life: ApplicationLife
        /// Those that were told to end.
        var left: [ApplicationLife] = []
        var isStalled = false
    }

    /// What an application needs of the world.
    struct WorldParts: Sendable {
        let witness: LogWitness
        let time: SimulatedTime
        let executor: SimulatedExecutor
        let owners: [ThreadOwner]
    }

    /// Those that it shows when it connects.
    private let tokens: SimulatedTokens
    let network = SimulatedNetwork()
    private let number: Int
    private let world: WorldParts
    private let program: ApplicationProgram
    private let state: Mutex<State>

    init(number: Int, user: UserID, plan: ApplicationProgram.Plan, world: WorldParts, seed: UInt64) {
        self.number = number
        self.world = world
        tokens = SimulatedTokens(user: user, life: plan.tokenLife)
        let random = RandomNumbers(seed: seed)
        var configuration = ClientConfiguration(
            environment: Environment(
                wallClock: world.time.wallClock, clock: world.time.clock, randomNumber: random.next,
                backgroundExecutor: world.executor))
        configuration.inbox = plan.inbox
        configuration.clock = PatienceClock(base: world.time.clock, witness: world.witness)
        configuration.fullInboxTimeout = PatienceClock.patience
        program = ApplicationProgram(
            number: number, user: user, plan: plan,
            client: StreamClient(
                connector: network, tokenProvider: plan.tokenLife == nil ? nil : tokens.next,
                configuration: configuration),
            world: world, seed: seed ^ 1)
        state = Mutex(State(life: ApplicationLife()))
        begin()
    }

    /// The principal of a connection that is made at a time.
    func principal(at now: Timestamp) -> Principal { tokens.principal(at: now) }

    private var life: ApplicationLife { state.withLock { $0.life } }
    var pauses: Pauses { life.pauses }

    var isStalled: Bool {
        get { state.withLock { $0.isStalled } }
        set { state.withLock { $0.isStalled = newValue } }
    }

    /// A connection with something to hand over, to be picked from some place on.
    func deliverableLink(_ choice: UInt64) -> SimulatedLink? {
        isStalled ? nil : Self.pick(network.links, choice) { $0.isReadyToDeliver }
    }
    func readableLink(_ choice: UInt64) -> SimulatedLink? { Self.pick(network.links, choice) { $0.isReadyToRead } }
    func openLink(_ choice: UInt64) -> SimulatedLink? { Self.pick(network.links, choice) { $0.isOpen } }

    private static func pick(
        _ links: [SimulatedLink],
        _ choice: UInt64,
        where condition: (SimulatedLink) -> Bool
    ) -> SimulatedLink? {
        for offset in links.indices {
            let link = links[Int((choice &+ UInt64(offset)) % UInt64(links.count))]
            if condition(link) { return link }
        }
        return nil
    }

    /// One of its attempts to connect ends.
    ///
    /// - Parameter connect: makes the connection; `nil` when nobody takes it.
    func connect(_ choice: UInt64, _ connect: (() -> SimulatedTransport.Handle)?) {
        if program.isTokenExpired {
            let error = AgentEventsClientError(.declined, "the token has expired", status: 401)
            return network.connect(choice, .failure(error))
        }
        guard let connect else {
            world.witness.count(.connectFailed)
            return network.connect(
                choice, .failure(AgentEventsClientError(.unreachable, "nobody answers")))
        }
        world.witness.count(.connectionMade)
        let link = SimulatedLink(connect(), witness: world.witness, time: world.time)
        network.connect(choice, .success(link))
    }

    /// Its token expires: a connection is closed, or the next one declined.
    func expire(_ link: SimulatedLink, isClosed: Bool) {
        if isClosed {
            link.expire()
        } else {
            program.isTokenExpired = true
            link.cut(tellsService: true, keeping: 0)
        }
    }

    /// The program is killed, with all it remembers.
    func crash(keeping count: Int) {
        program.forget()
        endLife()
        network.cut(keeping: count)
        begin()
    }

    /// The program is told to end, and is started again.
    func restart() {
        endLife()
        begin()
    }

    private func begin() {
        let life = ApplicationLife()
        state.withLock { state in
            state.life = life
            state.isStalled = false
        }
        life.start(on: world.executor) { [program] in await program.run(life) }
    }

    private func endLife() {
        let life = life
        life.end()
        state.withLock { state in
            state.left.removeAll { $0.hasEnded }
            state.left.append(life)
        }
    }

    /// Nothing new is begun any longer.
    func settle() {
        isStalled = false
        program.settle()
    }

    /// Events may be lost.
    func giveUp() { program.giveUp() }

    /// The service's process is gone.
    func lostProcess() { program.lostProcess() }

    /// Ends for good; it has ended when its tasks have run.
    func stop() {
        endLife()
        network.cut(keeping: 0)
    }

    /// What was told to end and runs on.
    var unended: InvariantViolation? {
        guard state.withLock({ $0.left.contains { !$0.hasEnded } }) else { return nil }
        return InvariantViolation(.liveness, "application \(number) was told to end, and does not")
    }

    /// What keeps the application from being at rest; `nil` when nothing does.
    var restlessness: InvariantViolation? {
        if let unended { return unended }
        let life = life
        guard life.isAtEase else {
            return InvariantViolation(.liveness, "application \(number) is not live: \(life.words)")
        }
        guard let missing = network.links.lazy.compactMap(\.missing).first ?? program.missing else { return nil }
        return InvariantViolation(missing.rule, "application \(number): \(missing.message)")
    }
}
