import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// A program with the Swift client: it follows threads, some of them as a consumer that acknowledges, and emits events. What
/// its followers are given is compared with the log, and each of its emissions is to be logged once.
///
/// It is told to end, or killed, and begins again; what it began with is to have ended then.
final class Application: Sendable {
    /// How an application is made.
    struct Plan {
        var readers: [ThreadReader]
        /// Whether those with a consumer leave following and acknowledging to the client.
        var consumes: Bool
        /// Emits events of runs, one request at a time.
        var producer: RemoteProducer?
        /// The thread that lines are fed into; `nil` for none.
        var fedThread: Int?
        var inbox: InboxLimits
    }

    private struct State {
        var readers: [ThreadReader]
        var producer: RemoteProducer?
        var random: SimulationRandom
        var life: ApplicationLife
        /// Those that were told to end.
        var left: [ApplicationLife] = []
        /// The readers that have forgotten what they were given.
        var forgetful: Set<Int> = []
        var isTokenExpired = false
        var isStalled = false
        var isSettling = false
        var lastNumber: Int64 = 0
        var feedCount = 0
        /// The readers whose history is void: they consume from the start.
        var beginsAtStart: Set<Int> = []
    }

    private struct HandlerFailed: Error {}

    let number: Int
    let principal: Principal
    let network = SimulatedNetwork()
    private let world: WorldParts
    private let plan: Plan
    private let configuration: ClientConfiguration
    private let state: Mutex<State>

    /// What an application needs of the world.
    struct WorldParts: Sendable {
        let witness: LogWitness
        let time: SimulatedTime
        let executor: SimulatedExecutor
        let owners: [ThreadOwner]
    }

    init(number: Int, user: UserID, plan: Plan, world: WorldParts, seed: UInt64) {
        self.number = number
        self.world = world
        self.plan = plan
        principal = Principal(user: user, scopes: [.read, .emit, .command])
        let random = RandomNumbers(seed: seed)
        var configuration = ClientConfiguration(
            environment: Environment(
                wallClock: world.time.wallClock, clock: world.time.clock, randomNumber: random.next,
                backgroundExecutor: world.executor))
        configuration.inbox = plan.inbox
        configuration.clock = PatienceClock(base: world.time.clock, witness: world.witness)
        configuration.fullInboxTimeout = PatienceClock.patience
        self.configuration = configuration
        state = Mutex(
            State(
                readers: plan.readers, producer: plan.producer, random: SimulationRandom(seed: seed ^ 1),
                life: ApplicationLife()))
        begin()
    }

    private func threadID(_ thread: Int) -> ThreadID { world.owners[thread].thread }

    private func fail(_ rule: InvariantViolation.Rule, _ message: String) {
        world.witness.fail(InvariantViolation(rule, "application \(number): \(message)"))
    }

    private func fail(_ violation: InvariantViolation) { fail(violation.rule, violation.message) }

    private func random<Value>(_ body: (inout SimulationRandom) -> Value) -> Value {
        var value: Value?
        state.withLock { value = body(&$0.random) }
        guard let value else { preconditionFailure("the body is called") }
        return value
    }

    private var isSettling: Bool { state.withLock { $0.isSettling } }

    // MARK: The schedule's side

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
        if state.withLock({ $0.isTokenExpired }) {
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
            state.withLock { $0.isTokenExpired = true }
            link.cut(tellsService: true, keeping: 0)
        }
    }

    /// The program is killed, with all it remembers.
    func crash(keeping count: Int) {
        state.withLock { state in
            state.forgetful = Set(state.readers.indices)
            state.producer?.giveUp()
        }
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
        life.start(on: world.executor) { [self] in await run(life) }
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
        state.withLock { state in
            state.isSettling = true
            state.isStalled = false
            state.isTokenExpired = false
        }
    }

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
        let (readers, producer, life) = state.withLock { ($0.readers, $0.producer, $0.life) }
        guard life.isAtEase else {
            return InvariantViolation(.liveness, "application \(number) is not live: \(life.words)")
        }
        if producer?.isIdle == false {
            return InvariantViolation(.requestsAnswered, "an emission of application \(number) has no answer")
        }
        if let missing = network.links.lazy.compactMap(\.missing).first {
            return InvariantViolation(missing.rule, "application \(number): \(missing.message)")
        }
        for reader in readers {
            if let violation = reader.missing(world.witness.thread(reader.thread)) {
                return InvariantViolation(violation.rule, "application \(number): \(violation.message)")
            }
        }
        return nil
    }

    // MARK: The program

    private func run(_ life: ApplicationLife) async {
        let client = StreamClient(connector: network, configuration: configuration)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow(client, life) }
            if plan.producer != nil { group.addTask { await self.emit(client, life) } }
            if plan.fedThread != nil { group.addTask { await self.feed(client, life) } }
        }
    }

    /// What became of something that ended with an error.
    private func didEnd(with error: any Error, _ life: ApplicationLife) {
        guard life.isCurrent else { return }
        if let error = error as? AgentEventsClientError {
            if error.status == 401 || error.closeCode == Int(StreamCloseCode.notAuthenticated.rawValue) {
                world.witness.count(.tokenDeclined)
                state.withLock { $0.isTokenExpired = false }
            } else if !error.isRetryable {
                fail(.protocolKept, "\(error)")
            }
        } else if !(error is CancellationError), !(error is HandlerFailed) {
            fail(.protocolKept, "\(error)")
        }
    }

    // MARK: Following

    private func follow(_ client: StreamClient, _ life: ApplicationLife) async {
        repeat {
            do {
                try await client.withStream { stream in
                    life.follows(stream)
                    try await withThrowingTaskGroup(of: Bool.self) { group in
                        defer { group.cancelAll() }
                        group.addTask {
                            for await state in stream.states { life.count(state, self.world.witness) }
                            return false
                        }
                        for index in plan.readers.indices {
                            group.addTask {
                                try await self.read(index, stream, life)
                                return true
                            }
                        }
                        // One reader that leaves ends the stream.
                        while let leaves = try await group.next(), !leaves {}
                    }
                }
            } catch {
                didEnd(with: error, life)
            }
            life.follows(nil)
        } while await life.pauses.pause()
    }

    /// Follows a thread, leaves it, and follows it again.
    private func read(_ index: Int, _ stream: EventStream, _ life: ApplicationLife) async throws {
        while life.isCurrent {
            let reader = plan.readers[index]
            if let consumer = reader.consumer, plan.consumes {
                try await consume(index, consumer, stream, life)
            } else {
                let start = begin(index)
                try await stream.withEvents(of: threadID(reader.thread), from: start, consumer: reader.consumer) {
                    try await take(index, $0, life)
                }
            }
            if !isSettling, random({ $0.once(in: 3) }) { return }
        }
    }

    private func begin(_ index: Int) -> StartPosition? {
        state.withLock { state in
            let log = world.witness.thread(state.readers[index].thread)
            return state.readers[index].begin(log, isForgetful: state.forgetful.remove(index) != nil)
        }
    }

    private func take(_ index: Int, _ events: ThreadFollower, _ life: ApplicationLife) async throws {
        for try await element in events {
            guard life.isCurrent else { return }
            switch element {
            case .event(let event):
                receive(event, index)
            case .reset:
                state.withLock { $0.readers[index].reset() }
            case .live(let cursor):
                let violation = state.withLock { $0.readers[index].isLive(at: cursor) }
                if let violation { fail(violation) }
            case .interrupted:
                continue
            }
            guard await life.pauses.pause() else { return }
            if random({ $0.once(in: 3) }) { try acknowledge(index, events) }
            if !isSettling, random({ $0.once(in: 60) }) { return }
        }
    }

    private func receive(_ event: StreamEvent, _ index: Int) {
        world.witness.count(.eventTaken)
        let log = world.witness.thread(plan.readers[index].thread)
        let violation = state.withLock { $0.readers[index].receive(event, log) }
        if let violation { fail(violation) }
    }

    private func mayStore(_ cursor: Cursor, _ reader: ThreadReader) {
        guard let consumer = reader.consumer else { return }
        let thread = threadID(reader.thread)
        world.witness.mayStore(
            cursor, ConsumerKey(thread: thread, user: principal.user, consumer: consumer).name, thread)
    }

    private func acknowledge(_ index: Int, _ events: ThreadFollower) throws {
        let reader = state.withLock { $0.readers[index] }
        guard let last = reader.last, reader.takenSinceAcknowledged > 0 else { return }
        mayStore(last, reader)
        do throws(AgentEventsClientError) {
            try events.acknowledge(last)
        } catch {
            fail(.sentIsNotAcknowledged, "\(error)")
        }
        state.withLock { $0.readers[index].didAcknowledge() }
    }

    /// The client follows and acknowledges by itself.
    private func consume(
        _ index: Int,
        _ consumer: ConsumerName,
        _ stream: EventStream,
        _ life: ApplicationLife
    ) async throws {
        _ = begin(index)
        let isVoid = state.withLock { $0.beginsAtStart.remove(index) != nil }
        if isVoid { state.withLock { $0.readers[index].reset() } }
        let reader = plan.readers[index]
        do {
            try await stream.consume(threadID(reader.thread), from: isVoid ? .start : nil, consumer: consumer) { event in
                guard life.isCurrent else { throw CancellationError() }
                receive(event, index)
                guard await life.pauses.pause() else { throw CancellationError() }
                if !isSettling, random({ $0.once(in: 60) }) { throw HandlerFailed() }
                mayStore(event.cursor, reader)
            }
        } catch is HandlerFailed {
            return
        } catch let error as AgentEventsClientError where error.code == .reset {
            if life.isCurrent { state.withLock { _ = $0.beginsAtStart.insert(index) } }
        }
    }

    // MARK: Emitting

    private func emit(_ client: StreamClient, _ life: ApplicationLife) async {
        while await life.pauses.pause() {
            if isSettling, state.withLock({ $0.producer?.isIdle != false }) { return }
            do {
                try await client.withEmitter { emitter in
                    repeat {
                        guard try await emitNext(emitter, life) else { return }
                    } while await life.pauses.pause()
                }
            } catch {
                didEnd(with: error, life)
            }
        }
    }

    /// - Returns: whether to go on over the same connection.
    private func emitNext(_ emitter: EventEmitter, _ life: ApplicationLife) async throws -> Bool {
        let sent = state.withLock { state -> (number: Int64, request: EmitRequest)? in
            if state.isSettling, state.producer?.isIdle != false { return nil }
            state.lastNumber += 1
            let number = state.lastNumber
            guard let thread = state.producer?.thread else { return nil }
            guard let request = state.producer?.send(number, to: world.owners[thread], &state.random) else { return nil }
            return (number, request)
        }
        guard let (number, request) = sent else { return false }
        do {
            let cursors = try await emitter.emit(
                request.drafts, thread: request.thread, user: request.user, key: request.key)
            guard life.isCurrent else {
                state.withLock { $0.producer?.lost(number) }
                return false
            }
            let violation = state.withLock { $0.producer?.emitted(number, cursors, world.witness) }
            if let violation = violation ?? nil { fail(violation) }
        } catch {
            guard life.isCurrent, let refusal = (error as? AgentEventsClientError)?.refusal else {
                state.withLock { $0.producer?.lost(number) }
                throw error
            }
            world.witness.count(.eventRejected)
            state.withLock { $0.producer?.refused(number, refusal.code.rawValue) }
        }
        return random { !$0.once(in: 8) }
    }

    /// Feeds lines, each of which is to be logged once.
    private func feed(_ client: StreamClient, _ life: ApplicationLife) async {
        guard let thread = plan.fedThread else { return }
        while await life.pauses.pause() {
            if isSettling { return }
            let (name, count) = state.withLock { state in
                state.feedCount += 1
                return ("f\(number)_\(state.feedCount)", 1 + state.random.below(12))
            }
            var configuration = EmitConfiguration(keyPrefix: name)
            configuration.user = world.owners[thread].user
            configuration.maximumBatchCount = 1 + random { $0.below(4) }
            let feed = EventFeed(client: client, configuration: configuration)
            let reported = Mutex(0)
            do {
                try await feed.run { feed in
                    for line in 1...count {
                        guard await life.pauses.pause() else { throw CancellationError() }
                        if self.random({ $0.once(in: 20) }) { feed.interrupt() }
                        try await feed.emit(self.line(line, of: name, thread))
                    }
                } reporting: { cursors in
                    reported.withLock { $0 += cursors.count }
                    if life.isCurrent { self.didCommit(cursors, thread) }
                } noting: { _ in
                }
                let committed = feed.progress.committedCount
                if life.isCurrent, committed != reported.withLock({ $0 }) {
                    fail(.acknowledgedIsKept, "\(committed) lines are committed, and others reported")
                }
            } catch EmitFailure.unavailable(let error, _) {
                didEnd(with: error, life)
            } catch {
                didEnd(with: error, life)
            }
        }
    }

    private func line(_ line: Int, of name: String, _ thread: Int) throws -> EmitItem {
        let draft = EventDraft(.custom(CustomEvent(name: SimulatedThread.onceName, value: .string("\(name) \(line)"))))
        return EmitItem(line: line, thread: threadID(thread), bytes: try EventEncoder.encodeDraft(draft))
    }

    private func didCommit(_ cursors: [Cursor], _ thread: Int) {
        world.witness.count(.lineFed, cursors.count)
        let log = world.witness.thread(thread)
        for cursor in cursors where log.event(cursor.sequence)?.id != cursor && !log.lost.contains(cursor) {
            fail(.acknowledgedIsKept, "\(cursor) of \(threadID(thread)) is reported and not in the log")
        }
    }
}
