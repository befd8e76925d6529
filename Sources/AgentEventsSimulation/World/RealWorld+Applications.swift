import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol

// The programs with the Swift client.
extension RealWorld {
    func makeApplication(_ number: Int, _ random: inout SimulationRandom) -> Application {
        let user = owners.count == 1 ? 0 : number % 2
        let own = owners.indices.filter { $0 % 2 == user }
        let first = random.below(own.count)
        let consumer = random.once(in: 2) ? ConsumerName(text: IdentifierText(unchecked: "a\(number)")) : nil
        let start: StartPosition = random.once(in: 5) ? .now : .start
        let remembers = random.once(in: 2)
        let readers = (0..<min(own.count, size.followedCount)).map {
            ThreadReader(thread: own[(first + $0) % own.count], consumer: consumer, start: start, remembers: remembers)
        }
        let emits = random.once(in: 2)
        let feeds = random.once(in: 3)
        var inbox = InboxLimits()
        inbox.eventCount = size.inboxEventCount
        var plan = ApplicationProgram.Plan(
            readers: readers, consumes: random.once(in: 2),
            producer: emits
                ? RemoteProducer(thread: own[random.below(own.count)], name: "a\(number)", retains: retains) : nil,
            fedThread: feeds ? own[random.below(own.count)] : nil, inbox: inbox)
        if random.once(in: 2) {
            plan.commander = Commander(name: "a\(number)_", witness: witness, sendsMessages: !retains)
            plan.commandedThreads = own
        }
        // A log that several processes write keeps no list.
        if neighbour == nil, random.once(in: 2) { plan.listLimit = 1 + random.below(3) }
        if random.once(in: 2) { plan.tokenLife = Int64(31_000 + random.below(60_000)) }
        return Application(
            number: number, user: UserID(text: IdentifierText(unchecked: "u_\(user)")), plan: plan,
            world: Application.WorldParts(
                witness: witness, time: time, executor: applicationExecutor, owners: owners), seed: random.next())
    }

    func isReady(_ application: Application, for kind: ChoiceKind) -> Bool {
        switch kind {
        case .deliver: application.deliverableLink(0) != nil
        case .request: application.readableLink(0) != nil
        case .connect: application.network.isConnecting
        case .take: application.pauses.waitingCount > 0
        case .send: false
        case .stall, .crash: true
        default: application.openLink(0) != nil
        }
    }

    /// - Returns: `false` when it cannot happen now.
    func perform(_ kind: ChoiceKind, by application: Application, _ random: inout SimulationRandom) -> Bool {
        let choice = random.next()
        switch kind {
        case .take:
            guard application.pauses.waitingCount > 0 else { return false }
            application.pauses.resume(choice)
        case .deliver:
            guard let link = application.deliverableLink(choice) else { return false }
            link.deliver()
        case .request:
            return application.readableLink(choice)?.readNext() ?? false
        case .connect:
            return connect(application, choice, fails: !isSettling && random.once(in: 12))
        case .cut, .halfOpen, .expire:
            guard let link = application.openLink(choice) else { return false }
            disturb(link, of: application, kind, &random)
        case .stall:
            application.isStalled.toggle()
            if application.isStalled { witness.count(.stalled) }
        case .crash where random.once(in: 3):
            witness.count(.restarted)
            application.restart()
        case .crash:
            witness.count(.crashed)
            application.crash(keeping: random.below(3))
        default:
            return false
        }
        return true
    }

    private func disturb(
        _ link: SimulatedLink,
        of application: Application,
        _ kind: ChoiceKind,
        _ random: inout SimulationRandom
    ) {
        switch kind {
        case .expire:
            witness.count(.expired)
            application.expire(link, isClosed: random.once(in: 2))
        case .halfOpen where random.once(in: 2):
            witness.count(.halfOpened)
            link.die()
        default:
            witness.count(kind == .cut ? .cut : .halfOpened)
            link.cut(tellsService: kind == .cut, keeping: random.below(3))
        }
    }

    private func connect(_ application: Application, _ choice: UInt64, fails: Bool) -> Bool {
        guard application.network.isConnecting else { return false }
        guard let process, process.takesConnections, !fails else {
            // A world that comes to rest does not wait for those who tried too early.
            guard !isSettling else { return false }
            application.connect(choice, nil)
            return true
        }
        let now = time.wallClock.now()
        application.connect(choice) { process.connect(as: application.principal(at: now)) }
        return true
    }

    /// Whether something can go on in an application without time going on.
    func isBusy(_ application: Application) -> Bool {
        isReady(application, for: .deliver) || isReady(application, for: .request)
            || isReady(application, for: .connect) || isReady(application, for: .take)
    }

    /// Tells the applications to end: they do, without time going on.
    func closeApplications(_ random: inout SimulationRandom) {
        for application in applications { application.stop() }
        var count = 0
        while count < 1_000_000, applicationExecutor.runNext(random.next()) { count += 1 }
        for application in applications {
            if let violation = application.unended { witness.fail(violation) }
        }
        if applicationExecutor.foreignCount > 0 {
            witness.fail(
                InvariantViolation(
                    .deterministic, "\(applicationExecutor.foreignCount) jobs of clients came from other threads"))
        }
    }
}
