import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import CoreMetrics
import Logging
import NIOCore
import Synchronization

/// Isolation under fire: the real hub with users, tabs and threads, whose rights and credentials change at every step of a replay, a
/// state, a commit and an emission. In one thread, so that what may be written is known in the moment in which it is written
/// (SEC-32).
///
/// In every other world the service keeps the members of threads by itself: they are made, changed and removed, links are made,
/// members end, and threads are deleted. In the others it asks an authorizer.
///
/// A world is a seed: the same one is the same world.
package final class AccessWorld {
    private static let threadCount = 6
    private static let userCount = 4
    private static let tabsPerUser = 2

    private let time = SimulatedTime()
    private let executor = SimulatedExecutor()
    private let loops: [SimulatedEventLoop]
    private let log = InMemoryEventLog()
    private let hub: AgentEventsHub
    private let model: AccessModel
    private let threads: [ThreadID]
    private let users: [UserID]
    private var clients: [AccessClient] = []
    private var tasks: [Task<Void, Never>] = []
    /// The notes of the tasks.
    private let told = TaskNotes()
    /// Keeps the members of threads; `nil` where the service asks the model.
    private let administration: AccessAdministration?
    private var random: SimulationRandom
    private var outcome = WorldOutcome()

    package static func run(seed: UInt64, stepCount: Int) -> WorldOutcome {
        let world = AccessWorld(seed: seed)
        for _ in 0..<stepCount where world.outcome.violation == nil {
            world.step()
            world.takeNotes()
        }
        world.settle()
        world.takeNotes()
        return world.outcome
    }

    private init(seed: UInt64) {
        random = SimulationRandom(seed: seed)
        let (time, executor) = (time, executor)
        loops = (0..<2).map { _ in SimulatedEventLoop(time: time) }
        let users = (0..<Self.userCount).map { UserID(text: IdentifierText(unchecked: "u_\($0)")) }
        self.users = users
        threads = (0..<Self.threadCount).map { ThreadID(text: IdentifierText(unchecked: "t_\($0)")) }
        let owners = threads.enumerated().map { ($1, users[$0 % users.count]) }
        let environment = Environment(
            wallClock: time.wallClock, clock: time.clock, randomNumber: RandomNumbers(seed: seed ^ 1).next,
            backgroundExecutor: executor)
        model = AccessModel(
            owners: Dictionary(uniqueKeysWithValues: owners), usesMembers: seed % 2 == 0, wallClock: time.wallClock)
        var limits = StreamLimits()
        limits.pageByteCount = 400
        limits.maximumPages = 2
        limits.maximumInlineByteCount = 64
        var configuration = HubConfiguration()
        configuration.listsThreads = false
        hub = AgentEventsHub(
            runtime: AgentRuntime(log: log, configuration: RuntimeConfiguration(environment: environment)), agents: [],
            authorizer: model.usesMembers ? MembersAuthorizer(store: log) : model, authenticator: model,
            linkTokenSigner: model, configuration: configuration, limits: limits,
            metrics: NOOPMetricsHandler.instance,
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }, onUnresponsiveAgents: { _ in })
        if model.usesMembers, let members = hub.members {
            administration = AccessAdministration(
                model: model, members: members, deletions: hub.deletions, threads: threads, users: users, told: told)
        } else {
            administration = nil
        }
        for number in 0..<(Self.userCount * Self.tabsPerUser) {
            clients.append(
                AccessClient(number, of: users[number % users.count], model: model, wallClock: time.wallClock) {
                    [unowned self] in note($0, $1)
                })
        }
        let hub = hub
        start { await hub.runUntilCancelled() }
    }

    private func note(_ occurrence: String, _ violation: String?) {
        outcome.counts[occurrence, default: 0] += 1
        if outcome.violation == nil { outcome.violation = violation }
    }

    private func takeNotes() { for (occurrence, violation) in told.take() { note(occurrence, violation) } }

    private func start(_ body: @escaping @Sendable () async -> Void) {
        tasks.append(Task(executorPreference: executor) { await body() })
    }

    private func pick<Element>(_ elements: [Element]) -> Element { elements[random.below(elements.count)] }

    private func loop(of client: AccessClient) -> SimulatedEventLoop { loops[client.number / 2 % loops.count] }

    // MARK: Steps

    private func step() {
        switch random.below(100) {
        case ..<50: for _ in 0...random.below(24) { executor.runNext(random.next()) }
        case ..<80: pick(loops).runNext()
        case ..<90: act(pick(clients))
        case ..<94: log(in: pick(threads))
        case ..<97: if let administration { administer(administration) } else { change() }
        default: wait()
        }
    }

    /// Time passes where nothing else can continue, and now and then where it can.
    private func wait() {
        let isReady = executor.readyCount > 0 || loops.contains(where: \.isReady)
        if !isReady || random.once(in: 6) { time.fireNext() }
    }

    private func act(_ client: AccessClient) {
        let loop = loop(of: client)
        guard client.isConnected else {
            let links = model.linkTokens
            let isLink = !links.isEmpty && random.once(in: 6)
            return client.connect(to: hub, with: isLink ? pick(links) : token(for: client.user), on: loop)
        }
        switch random.below(12) {
        case ..<5: subscribe(client)
        case 5:
            if let thread = client.followed.first { client.send(.unsubscribe(thread), on: loop) }
        case ..<8:
            let thread = pick(threads)
            let draft = EventDraft(.custom(CustomEvent(name: "emitted", value: .integer(Int64(client.number)))))
            client.send(
                .emit(EmitRequest(thread: thread, user: model.owners[thread], drafts: [draft, draft])), on: loop)
        case 8: client.toggleWritability(on: loop)
        case 9: refresh(client)
        case 10: client.send(.ping, on: loop)
        default: if random.once(in: 3) { client.leave(on: loop) }
        }
    }

    /// Sometimes with a token of somebody else, and with one that is about to be revoked.
    private func refresh(_ client: AccessClient) {
        let token = token(for: random.once(in: 20) ? pick(users) : client.user)
        if random.once(in: 6) { revoke(token.name) }
        client.refresh(with: token, on: loop(of: client))
    }

    private func revoke(_ name: String) {
        let (hub, model) = (hub, model)
        start {
            try? await hub.revoke(.token(id: name))
            // It was answered.
            model.revoke(name)
        }
    }

    private func token(for user: UserID) -> AccessModel.Token {
        let life: Int64? =
            switch random.below(8) {
            case 0, 1: nil
            case 2: 0
            default: Int64(random.below(90_000))
            }
        let isNarrow = random.once(in: 3)
        return model.issue(
            to: user, life: life, threads: isNarrow ? Set(threads.filter { _ in random.once(in: 2) }) : nil)
    }

    /// Also with the cursors of others, and of no history at all.
    private func subscribe(_ client: AccessClient) {
        let thread = pick(threads)
        let start: StartPosition? =
            switch random.below(5) {
            case 0: .start
            case 1: .now
            case 2: client.last[thread].map { StartPosition.after($0) }
            case 3: pick(clients).last[thread].map { StartPosition.after($0) }
            default: .after(Cursor(generation: UInt64(random.below(3)), sequence: UInt64(1 + random.below(20))))
            }
        let snapshot: SubscribeRequest.SnapshotUse = random.once(in: 3) ? .atStart : .never
        client.send(
            .subscribe(
                SubscribeRequest(
                    thread: thread, start: snapshot == .never ? start ?? .start : nil, snapshot: snapshot,
                    merges: false)), on: loop(of: client))
    }

    private func log(in thread: ThreadID) {
        guard let owner = model.owners[thread] else { return }
        let hub = hub
        let count = 1 + random.below(4)
        start {
            guard let context = try? await hub.runtime.context(user: owner, thread: thread) else { return }
            for number in 0..<count {
                let event = CustomEvent(name: "logged", value: .string(String(repeating: "x", count: number * 50)))
                _ = try? await context.emit(EventDraft(.custom(event)))
            }
        }
    }

    // MARK: Rights

    private func administer(_ administration: AccessAdministration) {
        switch random.below(20) {
        case 0: if let name = pick(clients).tokenName { revoke(name) }
        case 1:
            let (user, thread) = (random.once(in: 2) ? pick(users) : nil, random.once(in: 2) ? pick(threads) : nil)
            hub.invalidateRights(user: user, thread: thread)
        default: if let action = administration.next(&random) { start(action) }
        }
    }

    /// Somebody loses a right, or gets one. From then on it counts.
    private func change() {
        let (user, thread) = (pick(users), pick(threads))
        let hub = hub
        switch random.below(6) {
        case ..<4:
            note("share changed", nil)
            model.toggleShare(of: thread, with: user)
            switch random.below(3) {
            case 0: hub.invalidateRights(user: user, thread: thread)
            case 1: hub.invalidateRights(user: nil, thread: thread)
            default: hub.invalidateRights(user: user, thread: nil)
            }
        case 4:
            if let name = pick(clients).tokenName { revoke(name) }
        default:
            guard random.once(in: 3) else { return }
            let now = time.wallClock.now()
            start { [model] in
                try? await hub.revoke(.user(user, issuedBefore: now))
                model.revokeAll(of: user, issuedBefore: now)
            }
        }
    }

    // MARK: The end

    /// Nothing changes any longer, everybody may read everything, and everybody gets it.
    private func settle() {
        if outcome.violation == nil {
            drain()
            if let administration {
                for action in administration.everybodyReadsEverything() { start(action) }
                drain()
            } else {
                model.open()
                hub.invalidateRights(user: nil, thread: nil)
            }
            for client in clients { client.leave(on: loop(of: client)) }
            drain()
            for client in clients {
                let token = model.issue(to: client.user, life: nil, threads: nil)
                client.connect(to: hub, with: token, on: loop(of: client))
                for thread in threads {
                    client.send(
                        .subscribe(SubscribeRequest(thread: thread, start: .start, merges: false)),
                        on: loop(of: client))
                }
            }
            drain()
            checkHeads()
        }
        for client in clients { client.leave(on: loop(of: client)) }
        for task in tasks { task.cancel() }
        drain()
        for loop in loops { loop.close() }
        if executor.foreignCount > 0 { note("wrong", "\(executor.foreignCount) jobs came from other threads") }
    }

    private func checkHeads() {
        let heads = threads.map { _ in UInt64(0) }
        let found = HeadBox(heads)
        let (log, threads) = (log, threads)
        start {
            var heads: [UInt64] = []
            for thread in threads { heads.append((try? await log.thread(thread))?.head.sequence ?? 0) }
            found.set(heads)
        }
        drain()
        for (thread, head) in zip(threads, found.heads) {
            for client in clients where client.isConnected && head > 0 && client.seenHeads[thread] != head {
                note(
                    "wrong",
                    "client \(client.number) has \(client.seenHeads[thread] ?? 0) of \(thread), and there are \(head)")
            }
        }
        if clients.contains(where: { !$0.isConnected }) { note("wrong", "a client with a good token is not connected") }
    }

    /// Until nothing can continue but time.
    private func drain() {
        for _ in 0..<200_000 {
            let ran = executor.runNext(random.next())
            let turned = loops.map { $0.runNext() }
            if !ran, !turned.contains(true) { return }
        }
        note("wrong", "something never ends")
    }
}

/// A result that a task leaves.
private final class HeadBox: Sendable {
    private let state: Mutex<[UInt64]>

    init(_ heads: [UInt64]) { state = Mutex(heads) }

    var heads: [UInt64] { state.withLock { $0 } }

    func set(_ heads: [UInt64]) { state.withLock { $0 = heads } }
}
