import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// The real service in one thread: its runtime, its streams, its agents and its sinks, on a simulated executor, simulated
/// event loops and a log that crashes, with clients and producers around it. Nothing happens in it but what a ``Choice`` says.
///
/// The file is long because everything that is around the service is made, moved and ended here.
final class RealWorld {
    let seed: UInt64
    let size: WorldSize
    let time = SimulatedTime()
    let witness: LogWitness
    let store: any WorldStore
    /// The other process that writes the log; `nil` where there is none.
    let neighbour: Neighbour?
    let sink: WatchingSink
    /// Whether old events are trimmed.
    let retains: Bool
    private(set) var retention = RetentionPolicy()
    let crewOwners: [ThreadOwner]
    let owners: [ThreadOwner]
    var producers: [RemoteProducer]
    /// People who command the runs, each in a tab of their own.
    let commanders: [Commander]
    /// Whether runs that answer messages may be open beside each other, and whether one takes the messages of all that are
    /// queued.
    let isParallel: Bool
    let mergesQueued: Bool
    private(set) var clients: [WireClient] = []
    private(set) var applications: [Application] = []
    /// Runs the tasks of the applications.
    let applicationExecutor = SimulatedExecutor()
    private(set) var process: RealProcess?
    private var processCount = 0
    var isSettling = false
    /// How many messages people wrote since; a few, so that their slots are looked at in the end.
    private(set) var settlingWriteCount = 0
    /// They write no more than this then.
    static let settlingWrites = 24
    /// How many commands they gave since, and how many they give before they only resume.
    private var settlingCommandCount = 0
    private static let settlingCommands = 16
    var onlyResumes: Bool { isSettling && settlingCommandCount >= Self.settlingCommands }
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private let narrator: ((String) -> Void)?

    init(seed: UInt64, size: WorldSize, narrator: ((String) -> Void)? = nil) {
        func random(_ kind: UInt64, _ number: Int) -> SimulationRandom {
            SimulationRandom(seed: seed, kind, number)
        }
        self.seed = seed
        self.size = size
        self.narrator = narrator
        owners = (0..<size.threadCount).map { thread in
            ThreadOwner(
                thread: ThreadID(text: IdentifierText(unchecked: "t\(thread)")),
                user: UserID(text: IdentifierText(unchecked: "u_\(thread % 2)")))
        }
        var policies = random(7, 0)
        isParallel = policies.once(in: 4)
        mergesQueued = policies.once(in: 4)
        let witness = LogWitness(owners: owners, isParallel: isParallel)
        self.witness = witness
        switch StoreKind(seed: seed) {
        case .files:
            store = DiskStore(witness: witness, time: time, seed: seed ^ 3)
            neighbour = nil
        case .memory:
            store = DurableStore(witness: witness, time: time, seed: seed ^ 3)
            neighbour = nil
        case .contended:
            let contended = ContendedStore(witness: witness, time: time, seed: seed ^ 3)
            store = contended
            neighbour = Neighbour(
                contended.anotherWriter(), OtherEmitters(owners: owners, witness: witness, seed: seed ^ 5))
        }
        sink = WatchingSink(witness: witness, seed: seed ^ 4)
        var retaining = random(4, 0)
        let retains = retaining.once(in: 2) && neighbour == nil
        self.retains = retains
        commanders = ["p", "s"].map { Commander(name: $0, witness: witness, sendsMessages: !retains) }
        switch retaining.below(4) {
        case 0: retention.maximumByteCount = 16_384
        case 1: retention.maximumAge = .seconds(40)
        default: retention.maximumEventsPerThread = 24
        }
        producers = owners.indices.map { RemoteProducer(thread: $0, name: "\($0)", retains: retains) }
        crewOwners = owners.enumerated().filter { index, _ in
            var random = random(1, index)
            return random.once(in: 2)
        }.map(\.element)
        for number in 0..<size.clientCount {
            var random = random(3, number)
            clients.append(makeClient(number, &random))
        }
        for number in 0..<size.applicationCount {
            var random = random(6, number)
            applications.append(makeApplication(number, &random))
        }
        startProcess()
    }

    private func makeClient(_ number: Int, _ random: inout SimulationRandom) -> WireClient {
        let user = owners.count == 1 ? 0 : number % 2
        let own = owners.indices.filter { $0 % 2 == user }
        let first = random.below(own.count)
        let consumer = random.once(in: 3) ? ConsumerName(text: IdentifierText(unchecked: "c\(number)")) : nil
        let start: StartPosition = random.once(in: 5) ? .now : .start
        let remembers = random.once(in: 2)
        let count = min(own.count, size.followedCount)
        let followed = (0..<count).map { own[(first + $0) % own.count] }
        let readers = followed.map {
            ThreadReader(thread: $0, consumer: consumer, start: start, remembers: remembers)
        }
        let free = own.first { !followed.contains($0) }
        let foreign = owners.indices.filter { $0 % 2 != user }
        return WireClient(
            number: number, world: self, user: UserID(text: IdentifierText(unchecked: "u_\(user)")), readers: readers,
            pipelinedThread: random.once(in: 2) ? free.map(threadID) : nil,
            foreignThread: foreign.isEmpty ? nil : foreign[random.below(foreign.count)], &random)
    }

    func threadID(_ thread: Int) -> ThreadID { owners[thread].thread }

    var violation: InvariantViolation? { witness.violation }
    var counts: OccurrenceCounts { witness.counts }

    func mix(_ value: UInt64) { digest = (digest ^ value) &* 0x0000_0100_0000_01B3 }

    func tell(_ text: @autoclosure () -> String) {
        if let narrator { narrator(text()) }
    }

    /// Tells what is in the log.
    func tellLog() {
        guard let narrator else { return }
        for thread in witness.threads {
            for event in thread.events {
                narrator("\(thread.owner.thread) \(event.id) \(String(decoding: event.bytes, as: UTF8.self))")
            }
        }
    }

    // MARK: Choices

    private static let weights: [(kind: ChoiceKind, weight: Int)] = [
        (.job, 30), (.loop, 24), (.commit, 8), (.work, 20), (.take, 8), (.deliver, 16), (.request, 10), (.send, 5),
        (.connect, 3), (.offer, 5), (.agent, 4), (.timer, 1),
    ]
    private static let weight = weights.reduce(0) { $0 + $1.weight }
    private static let faults: [(kind: ChoiceKind, weight: Int)] = [
        (.cut, 24), (.halfOpen, 6), (.stall, 20), (.crash, 8), (.expire, 6), (.kill, 3), (.powerLoss, 3),
        (.logFailure, 3),
        (.drain, 3), (.timer, 12),
    ]
    private static let faultWeight = faults.reduce(0) { $0 + $1.weight }

    /// Something that may happen now; it may turn out that it cannot.
    func propose(_ random: inout SimulationRandom) -> Choice {
        let value = UInt32(truncatingIfNeeded: random.next() >> 32)
        let isFault = !isSettling && size.faultInterval > 0 && random.once(in: size.faultInterval)
        var pick = random.below(isFault ? Self.faultWeight : Self.weight)
        for (kind, weight) in isFault ? Self.faults : Self.weights {
            pick -= weight
            if pick < 0 { return Choice(kind, entity(for: kind, &random), value: value) }
        }
        preconditionFailure("one of them is picked")
    }

    private func entity(for kind: ChoiceKind, _ random: inout SimulationRandom) -> Int {
        switch kind {
        case .job, .commit, .agent, .kill, .logFailure, .drain:
            return neighbour?.isNext(kind, before: process, &random) == true ? 1 : 0
        case .work, .timer, .powerLoss: return 0
        case .loop: return random.below(size.loopCount)
        case .offer: return random.below(size.threadCount)
        default:
            let count = clients.count + applications.count
            let start = random.below(count)
            for offset in 0..<count {
                let number = (start + offset) % count
                if isReady(number, for: kind) { return number }
            }
            return start
        }
    }

    private func isReady(_ number: Int, for kind: ChoiceKind) -> Bool {
        if number < clients.count { return isReady(clients[number], for: kind) }
        return isReady(applications[number - clients.count], for: kind)
    }

    func isReady(_ client: WireClient, for kind: ChoiceKind) -> Bool {
        switch kind {
        case .deliver: client.isReadyToReceive
        case .request: client.transport?.isReadyToRead ?? false
        case .connect: !client.isConnected
        case .send: client.mayEmit
        case .take: false
        default: client.isConnected
        }
    }

    /// - Returns: `false` when it cannot happen now.
    func perform(_ choice: Choice) -> Bool {
        var random = SimulationRandom(seed: UInt64(choice.value) &* 0x2545_F491_4F6C_DD1D)
        process?.beginStep(random.next())
        let happened: Bool
        do throws(InvariantViolation) {
            happened = try perform(choice, &random)
        } catch {
            witness.fail(error)
            happened = true
        }
        guard happened else { return false }
        if process?.hasEnded == true { processEnded(&random) }
        neighbour?.endIfOver(&random)
        if process != nil, store.isStopped {
            witness.count(.killed)
            kill(isStored: false, &random)
        }
        mix(UInt64(choice.kind.rawValue) << 32 | UInt64(choice.entity))
        mix(UInt64(bitPattern: time.now))
        mix(UInt64(process?.executor.enqueuedCount ?? 0))
        if let other = neighbour?.process { mix(UInt64(other.executor.enqueuedCount)) }
        mix(UInt64(applicationExecutor.enqueuedCount))
        tell("\(choice): \(choice.kind) \(choice.entity)")
        return true
    }

    private func perform(_ choice: Choice, _ random: inout SimulationRandom) throws(InvariantViolation) -> Bool {
        if choice.entity == 1, let neighbour, Neighbour.kinds.contains(choice.kind) {
            return neighbour.perform(choice.kind, in: self, &random)
        }
        switch choice.kind {
        case .job: return process?.executor.runNext(random.next()) ?? false
        case .work: return applicationExecutor.runNext(random.next())
        case .loop:
            guard let process, choice.entity < process.loops.count else { return false }
            return process.loops[choice.entity].runNext()
        case .commit:
            guard let process, process.gate.waitingCount > 0 else { return false }
            process.gate.release(random.next())
        case .agent:
            guard let process, process.crew.pauses.waitingCount > 0 else { return false }
            process.crew.pauses.resume(random.next())
        case .timer:
            return time.fireNext()
        case .offer:
            return offer(choice.entity % owners.count, &random)
        case .kill, .powerLoss, .logFailure, .drain:
            return try disturb(choice.kind, &random)
        case .connect where process == nil:
            // The next process.
            startProcess()
        case .deliver, .take, .request, .send, .connect, .cut, .halfOpen, .stall, .crash, .expire:
            if choice.entity < clients.count {
                return try perform(choice.kind, by: clients[choice.entity], &random)
            }
            let number = choice.entity - clients.count
            return number < applications.count && perform(choice.kind, by: applications[number], &random)
        }
        return true
    }

    private func perform(
        _ kind: ChoiceKind,
        by client: WireClient,
        _ random: inout SimulationRandom
    ) throws(InvariantViolation) -> Bool {
        guard isReady(client, for: kind) else { return false }
        switch kind {
        case .deliver:
            try client.receive()
        case .request:
            return client.transport?.readNext() ?? false
        case .send:
            return client.send(&random)
        case .connect:
            guard let process, process.takesConnections else { return false }
            client.connected(process.connect(as: client.principal))
        case .cut, .halfOpen:
            witness.count(kind == .cut ? .cut : .halfOpened)
            client.disconnect(tellsService: kind == .cut, keeping: random.below(3))
        case .stall:
            client.isStalled.toggle()
            if client.isStalled { witness.count(.stalled) }
        case .crash:
            witness.count(.crashed)
            client.crash()
        case .expire:
            witness.count(.expired)
            client.transport?.expire()
        default:
            return false
        }
        return true
    }

    // MARK: Producers

    /// The producer of a thread sends what it has, over any connection; or a person writes to an agent.
    private func offer(_ thread: Int, _ random: inout SimulationRandom) -> Bool {
        if random.once(in: 6), !isSettling || settlingWriteCount < Self.settlingWrites {
            return random.once(in: 2) && !isSettling ? visit(thread, &random) : write(to: thread, &random)
        }
        // People look at what runs, most of all where somebody asks for them.
        let log = witness.thread(thread)
        let interest = !log.approvals.open.isEmpty ? 2 : log.hasOpenRuns ? 4 : 12
        if isSettling ? settlesCommands(of: thread, &random) : random.once(in: interest) {
            return command(thread, &random)
        }
        guard !isSettling || !producers[thread].isIdle else { return false }
        // Now and then the same is on its way twice.
        guard producers[thread].inFlight.isEmpty || (producers[thread].inFlight.count < 2 && random.once(in: 4)) else {
            return false
        }
        let start = random.below(clients.count)
        for offset in clients.indices {
            let client = clients[(start + offset) % clients.count]
            guard client.mayEmit else { continue }
            client.emit(thread, &random)
            return true
        }
        return false
    }

    /// Whether nobody else resumes the runs of a thread, or answers what they ask.
    func needsPeople(_ thread: Int) -> Bool { witness.thread(thread).needsPeople }

    /// At the end people give a few more commands, and then resume what is paused.
    private func settlesCommands(of thread: Int, _ random: inout SimulationRandom) -> Bool {
        if settlingCommandCount < Self.settlingCommands, witness.thread(thread).hasOpenRuns, random.once(in: 2) {
            settlingCommandCount += 1
            return true
        }
        return commanders.contains { $0.hasToSend(thread) } || needsPeople(thread)
    }

    /// A person gives a command, over a stream or past it.
    private func command(_ thread: Int, _ random: inout SimulationRandom) -> Bool {
        let user = owners[thread].user
        if random.once(in: 2), let client = clients.first(where: { $0.mayEmit && $0.principal.user == user }) {
            return client.command(thread, &random)
        }
        let anybody = commanders[random.below(commanders.count)]
        let commander = isSettling ? commanders.first { $0.hasToSend(thread) } ?? anybody : anybody
        guard let process, process.takesConnections,
            let visit = commander.visit(thread, onlyResumes: onlyResumes, &random)
        else { return false }
        process.start { await visit($0) }
        return true
    }

    /// The policies of messages; most leave it to the service.
    static let policies: [ConcurrencyPolicy?] = [
        nil, nil, nil, .queue, .reject, .supersede, .rollback, .steer, .steer, .parallel,
    ]

    /// A person writes to an agent: sometimes the same message again, sometimes another one under its key.
    private func write(to thread: Int, _ random: inout SimulationRandom) -> Bool {
        guard let process, process.takesConnections else { return false }
        if isSettling { settlingWriteCount += 1 }
        let owner = owners[thread]
        let principal = Principal.backend(of: owner.user, [.read, .command])
        // Where runs are trimmed, two that answer one message at once may both begin: the id of a trimmed run is free again.
        let key = retains ? nil : IdempotencyKey(text: IdentifierText(unchecked: "w\(random.below(8))"))
        var request = MessageRequest(
            text: "question \(random.below(2))", policy: Self.policies[random.below(Self.policies.count)])
        let now = time.wallClock.now()
        if random.once(in: 8) { request.notBefore = Timestamp(milliseconds: now.milliseconds + 2000) }
        if random.once(in: 8) { request.startBy = Timestamp(milliseconds: now.milliseconds + 3000) }
        let witness = witness
        process.start { [request] hub in
            do throws(ProtocolError) {
                let answer = try await hub.intake.submit(request, key: key, in: owner.thread, from: principal)
                if answer.status == .queued { witness.count(.messageQueued) }
                MessageJudge(witness).check(answer, in: owner.thread)
            } catch {
                MessageJudge(witness).count(error)
            }
        }
        return true
    }

    /// Somebody asks for something past the streams.
    private func visit(_ thread: Int, _ random: inout SimulationRandom) -> Bool {
        guard let process, process.takesConnections else { return false }
        if neighbour == nil, random.once(in: 4) {
            let walk = ListWalk(of: owners[thread].user, witness, process.gate.told, &random)
            process.start { await walk.run($0) }
            return true
        }
        if neighbour != nil, random.once(in: 2) {
            let visit = ContendedVisit(owners[thread], witness, process.crew, &random)
            process.start { await visit.run($0) }
            return true
        }
        let visit = Visit(owners[thread], witness, &random)
        process.start { await visit.run($0) }
        return true
    }

    // MARK: Processes

    private func startProcess() {
        processCount += 1
        process = RealProcess(self, number: processCount)
        if isSettling { process?.crew.settle() }
    }

    private func processEnded(_ random: inout SimulationRandom) {
        if let violation = process?.foreign { witness.fail(violation) }
        process?.close()
        process = nil
        endProcess(isOrderly: true, &random)
    }

    private func endProcess(isOrderly: Bool, _ random: inout SimulationRandom) {
        store.endProcess(isOrderly: isOrderly, &random)
        for commander in commanders { commander.lostProcess() }
        for application in applications { application.lostProcess() }
        giveUpLost()
    }

    /// Producers whose last events may be gone do not go on with them.
    private func giveUpLost() {
        guard store.takeLoss() else { return }
        for index in producers.indices { producers[index].giveUp() }
        for commander in commanders { commander.giveUp() }
        for application in applications { application.giveUp() }
    }

    func kill(isStored: Bool, _ random: inout SimulationRandom) {
        guard let process else { return }
        self.process = nil
        if let violation = process.kill(isStored: isStored, keeping: random.below(6), &random) {
            witness.fail(violation)
        }
        endProcess(isOrderly: false, &random)
    }

    private func disturb(_ kind: ChoiceKind, _ random: inout SimulationRandom) throws(InvariantViolation) -> Bool {
        guard let process else { return false }
        switch kind {
        case .kill:
            witness.count(.killed)
            kill(isStored: random.once(in: 2), &random)
        case .powerLoss:
            witness.count(.powerLost)
            // It is the machine of both.
            neighbour?.kill(isStored: false, witness, &random)
            kill(isStored: false, &random)
            store.losePower(&random)
            giveUpLost()
        case .logFailure:
            if store.failLater(&random) { return true }
            guard process.gate.failAppend(isStored: random.once(in: 2)) else { return false }
            witness.count(.logFailed)
        case .drain:
            guard process.takesConnections else { return false }
            process.stop()
        default:
            return false
        }
        return true
    }
}
