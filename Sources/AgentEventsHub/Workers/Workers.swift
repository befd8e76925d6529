import AgentEvents
import AgentEventsProtocol
import Logging
import Synchronization

/// The workers of a hub: carries out what ``WorkersStateMachine`` decides.
///
/// Their sessions tell it what comes from them, ``AgentDispatcher`` has it offer runs, and emissions that come by a lease ask it
/// whether the lease counts. That nobody else emits for the run is for the run's thread to see, which knows the lease as well.
final class Workers: Sendable {
    private struct State {
        var machine: WorkersStateMachine
        var links: [ConnectionID: WorkerLink] = [:]
        var principals: [WorkersStateMachine.Key: Principal] = [:]
        var leases: [LeaseID: WorkerLease] = [:]
        /// The agents as they are stored, for the next process.
        var stored: [AgentName: RestartMode] = [:]

        /// Whether a worker may work for a user at all; whether it may in a thread is asked with each offer.
        func mayWork(_ worker: WorkersStateMachine.Key, for user: UserID) -> Bool {
            principals[worker]?.mayEmit(as: user) ?? false
        }
    }

    /// A run to offer, without what the offer adds.
    struct Offer: Sendable {
        var thread: ThreadID
        var owner: UserID
        var run: RunID
        var attempt = 1
        var agent: AgentName
        var prompt: UserPrompt
        var after: Cursor?
        var isResumed = false
    }

    private let state: Mutex<State>
    private let environment: Environment
    private let identifiers: IdentifierSource
    private let deadline: Duration?
    private let logger: Logger
    /// `nil` when the log has no place for what the next process has to know.
    private let store: (any StateStore)?
    /// The agents that work in the service itself.
    private let ownAgents: Set<AgentName>
    /// Signalled when time will change something sooner.
    private let changes = WakeSignal()
    private let mayWork = Mutex<(@Sendable (Principal, ThreadID, UserID) async -> Bool)?>(nil)
    private let retry = Mutex<(@Sendable (WorkersStateMachine.WaitingThread) -> Bool)?>(nil)

    init(
        _ runtime: AgentRuntime,
        ownAgents: [AgentName],
        limits: WorkersStateMachine.Limits,
        logger: Logger
    ) {
        environment = runtime.environment
        store = runtime.log as? any StateStore
        identifiers = runtime.configuration.identifiers
        deadline = runtime.configuration.runDeadline
        self.ownAgents = Set(ownAgents)
        self.logger = logger
        state = Mutex(State(machine: WorkersStateMachine(limits: limits)))
    }

    /// Called before the first worker comes.
    ///
    /// - Parameter mayWork: whether credentials allow to work in a thread of a user.
    func checkRights(_ mayWork: @escaping @Sendable (Principal, ThreadID, UserID) async -> Bool) {
        self.mayWork.withLock { $0 = mayWork }
    }

    /// Called before the first worker comes.
    ///
    /// - Parameter retry: is told of threads whose runs may be offered; returns at once, and whether any is known to be queued there.
    func onRoom(_ retry: @escaping @Sendable (WorkersStateMachine.WaitingThread) -> Bool) {
        self.retry.withLock { $0 = retry }
    }

    private var now: Int64 { environment.monotonicMilliseconds }

    // MARK: The next process

    /// Finds out what becomes of the runs of workers that a process before this one had; before that is decided.
    func load() async {
        guard let store else { return }
        do throws(EventLogError) {
            let values = try await store.loadAll(.worker, thread: nil)
            state.withLock { state in
                for value in values {
                    guard let agent = try? AgentName(value.name),
                        let mode = RestartMode(word: String(decoding: value.bytes ?? [], as: UTF8.self))
                    else { continue }
                    state.stored[agent] = mode
                    state.machine.remember(agent, mode)
                }
            }
        } catch {
            logger.warning(
                "agents of workers not read: their runs of before are lost", metadata: ["error.code": "\(error.code)"])
        }
    }

    /// Stores what has changed since.
    private func save() async {
        guard let store else { return }
        let (known, stored) = state.withLock { ($0.machine.restarts, $0.stored) }
        let changed = known.filter { stored[$0.key] ?? .never != $0.value }
        let forgotten = stored.keys.filter { known[$0] == nil }
        guard !changed.isEmpty || !forgotten.isEmpty else { return }
        do throws(EventLogError) {
            try await store.save(
                changed.map { StoredValue(.worker, name: $0.key.rawValue, bytes: Array($0.value.word.utf8)) }
                    + forgotten.map { StoredValue(.worker, name: $0.rawValue, bytes: nil) })
            state.withLock { state in
                state.stored.merge(changed) { _, new in new }
                for agent in forgotten { state.stored[agent] = nil }
            }
        } catch {
            // It is tried again with the next change; until then a crash ends their runs.
            logger.warning("agents of workers not stored", metadata: ["error.code": "\(error.code)"])
        }
    }

    // MARK: Looking

    var leaseMilliseconds: Int64 { state.withLock { $0.machine.limits.leaseMilliseconds } }
    var hasServed: Bool { state.withLock { $0.machine.hasServed } }
    /// The number of leases and offers.
    var leaseCount: Int { state.withLock { $0.machine.leaseCount } }
    /// The number of runs that workers work for, by the workers' connections.
    var workerCount: Int { state.withLock { $0.machine.workerCount } }

    /// An agent that a worker serves, or did a moment ago; `nil` for others.
    ///
    /// - Parameter user: the user whose thread it is for: the worker has to be one that may work for them. `nil` for anybody.
    func agent(_ name: AgentName, for user: UserID? = nil) -> WorkerAgent? {
        let now = now
        return state.withLock { state in
            guard state.machine.isServed(name, at: now), let mode = state.machine.restart(of: name) else { return nil }
            let workers = state.machine.workers(of: name)
            if let user, !workers.isEmpty, !workers.contains(where: { state.mayWork($0, for: user) }) { return nil }
            return WorkerAgent(name: name, restart: mode)
        }
    }

    /// The agent that answers a user who names none: that of the first worker that may work for them; `nil` for no worker.
    func firstAgent(for user: UserID) -> WorkerAgent? {
        let name = state.withLock { state in
            state.machine.firstAgents.first { state.mayWork($0.worker, for: user) }?.agent
        }
        return name.flatMap { agent($0, for: user) }
    }

    func restart(of agent: AgentName) -> RestartMode? { state.withLock { $0.machine.restart(of: agent) } }

    func hasRoom(for agent: AgentName) -> Bool { state.withLock { $0.machine.hasRoom(for: agent) } }

    // MARK: Sessions

    /// A worker offers itself.
    ///
    /// - Throws: ``ProtocolError`` `auth.scope_missing` or `worker.agent_taken`.
    func serve(
        _ request: ServeRequest,
        as principal: Principal,
        on link: WorkerLink
    ) throws(ProtocolError) -> (kept: [LeaseID], lost: [LeaseID]) {
        for scope in [Scope.serve, .read, .emit] where !principal.scopes.contains(scope) {
            throw ProtocolError(
                .scopeMissing,
                "a worker takes the scopes serve, read and emit; these credentials lack \(scope.rawValue)")
        }
        if let taken = request.agents.first(where: ownAgents.contains) {
            throw ProtocolError(
                .workerAgentTaken, "the agent \(taken) works in the service itself: serve another name")
        }
        let key = WorkersStateMachine.Key(user: principal.user, worker: request.worker)
        let serving = perform { machine, now in
            let serving = machine.serve(request, as: key, on: link.connection, at: now)
            return (serving, serving.actions)
        } after: { state, serving in
            guard serving.conflict == nil else { return }
            state.links[link.connection] = link
            state.principals[key] = principal
            for lease in serving.kept { state.leases[lease]?.link = link }
            // Those of workers that are gone go now and then, so that it costs nothing each time.
            if state.principals.count > 2 * state.machine.workerCount + 16 {
                state.principals = state.principals.filter { state.machine.knows($0.key) }
            }
        }
        changes.signal()
        if let conflict = serving.conflict {
            throw ProtocolError(
                .workerAgentTaken,
                "other workers serve the agent \(conflict.agent) with \"restart\":\"\(conflict.restart.word)\": say the same, or serve another name"
            )
        }
        logger.info(
            "worker serves",
            metadata: [
                "worker.id": "\(request.worker)", "connection.id": "\(link.connection)",
                "agent.names": "\(request.agents.map(\.rawValue).joined(separator: " "))",
                "worker.capacity": "\(request.capacity)", "leases.kept": "\(serving.kept.count)",
                "leases.lost": "\(serving.lost.count)",
            ])
        return (serving.kept, serving.lost)
    }

    /// Something has come from a worker.
    func heard(_ connection: ConnectionID) {
        perform { machine, now in machine.heard(connection, at: now) }
    }

    /// A worker's connection is gone.
    func gone(_ connection: ConnectionID) {
        perform { machine, now in
            machine.gone(connection, at: now)
        } before: { state in
            state.links[connection] = nil
        }
    }

    /// The credentials of a worker were replaced.
    func replaced(_ worker: WorkerID, by principal: Principal) {
        let key = WorkersStateMachine.Key(user: principal.user, worker: worker)
        state.withLock { if $0.principals[key] != nil { $0.principals[key] = principal } }
    }

    /// A worker takes what it is offered.
    ///
    /// - Returns: the run.
    /// - Throws: ``ProtocolError`` `lease.lost` or `lease.unknown`.
    func take(_ lease: LeaseID, on connection: ConnectionID) throws(ProtocolError) -> WorkerRun {
        let (action, found) = state.withLock { state in
            (state.machine.take(lease, on: connection), state.leases[lease])
        }
        switch action {
        case .taken, .repeated:
            guard let found else { throw .leaseLost(lease) }
            if action == .taken { found.take() }
            return found.run
        case .lost: throw .leaseLost(lease)
        case .unknown: throw .leaseUnknown(lease)
        }
    }

    /// A worker does not take what it is offered, or gives back what it holds.
    ///
    /// - Throws: ``ProtocolError`` `lease.lost` or `lease.unknown`.
    func decline(_ lease: LeaseID, reason: String?, on connection: ConnectionID) throws(ProtocolError) {
        let action = perform { machine, _ in
            machine.decline(lease, on: connection)
        } after: { state, action in
            if action == .taken { state.leases[lease]?.decline() }
        }
        switch action {
        case .taken, .repeated:
            logger.info(
                "run declined by a worker",
                metadata: ["lease.id": "\(lease)", "connection.id": "\(connection)", "reason": "\(reason ?? "")"])
        case .lost: throw .leaseLost(lease)
        case .unknown: throw .leaseUnknown(lease)
        }
    }

    /// - Throws: ``ProtocolError`` `lease.lost` or `lease.unknown` for the first of the leases that the worker does not have; the
    ///   others are renewed all the same.
    func renew(_ leases: [LeaseID], on connection: ConnectionID) throws(ProtocolError) {
        let missing = state.withLock { $0.machine.missing(leases, on: connection) }
        if let lost = missing.lost.first {
            var error = ProtocolError.leaseLost(lost)
            error.details = ["lost": .array((missing.lost + missing.unknown).map(\.json))]
            throw error
        }
        if let unknown = missing.unknown.first { throw .leaseUnknown(unknown) }
    }

    // MARK: Emissions

    /// Something is emitted by a lease: it is renewed, and the run has begun when this returns.
    ///
    /// - Parameter hasKey: whether it may be a repetition of something that was logged while the lease counted: then the thread says
    ///   what became of it, and refuses what is new.
    /// - Throws: ``ProtocolError`` `auth.scope_missing` or `lease.lost`.
    func use(
        _ lease: LeaseID,
        as principal: Principal,
        in thread: ThreadID,
        hasKey: Bool
    ) async throws(ProtocolError) {
        guard principal.scopes.contains(.serve) else {
            throw ProtocolError(
                .scopeMissing, "emitting by a lease takes the scope serve", threadID: thread)
        }
        let use = perform { machine, now in machine.use(lease, by: principal.user, at: now) }
        switch use {
        case .held:
            await state.withLock { $0.leases[lease] }?.waitUntilBegun()
        case .lost where hasKey:
            break
        case .lost:
            var error = ProtocolError.leaseLost(lease)
            error.threadID = thread
            throw error
        case .unknown:
            // The thread knows: it may be of an earlier process, and what it emitted then is answered as it was.
            break
        }
    }

    // MARK: Offers

    /// Offers a run to the least loaded worker that may work for it, and returns when it has taken it.
    ///
    /// - Returns: the lease, which ``end(_:)`` ends; `nil` when nobody takes it now.
    func offer(_ offer: Offer) async -> WorkerLease? {
        var excluded: Set<WorkersStateMachine.Key> = []
        while let (key, principal) = candidate(for: offer.agent, without: excluded) {
            let check = mayWork.withLock { $0 }
            guard let principal, await check?(principal, offer.thread, offer.owner) ?? false else {
                excluded.insert(key)
                continue
            }
            guard let lease = make(offer, to: key) else { continue }
            changes.signal()
            lease.link.send(.run(lease.run))
            _ = await lease.answered.wait()
            if lease.isTaken { return lease }
            // Withdrawn, or this task is cancelled. A worker that takes it all the same, too late, has to know.
            if !lease.isDeclined { cancel(lease, .lost) }
            end(lease)
            return nil
        }
        return nil
    }

    private func candidate(
        for agent: AgentName,
        without excluded: Set<WorkersStateMachine.Key>
    ) -> (WorkersStateMachine.Key, Principal?)? {
        state.withLock { state in
            state.machine.choice(for: agent, without: excluded).map { ($0.key, state.principals[$0.key]) }
        }
    }

    private func make(_ offer: Offer, to key: WorkersStateMachine.Key) -> WorkerLease? {
        let id = LeaseID(text: identifiers.text(prefix: "l"))
        let run = WorkerRun(
            lease: id, attempt: offer.attempt, thread: offer.thread, run: offer.run, agent: offer.agent,
            user: offer.owner,
            prompt: WorkerRun.Prompt(
                text: offer.prompt.text, data: offer.prompt.data, message: offer.prompt.messageID,
                author: offer.prompt.author),
            after: offer.after, isResumed: offer.isResumed, deadlineMilliseconds: deadline?.milliseconds)
        let now = now
        return state.withLock { state in
            guard let connection = state.machine.offer(id, to: key, at: now), let link = state.links[connection] else {
                return nil
            }
            let lease = WorkerLease(run, to: link)
            state.leases[id] = lease
            return lease
        }
    }

    /// A run waits until a worker of its agent has room.
    func wait(for agent: AgentName, in thread: ThreadID, of user: UserID) {
        state.withLock {
            $0.machine.wait(for: agent, in: WorkersStateMachine.WaitingThread(thread: thread, user: user))
        }
        changes.signal()
    }

    /// The work by a lease is over, or never began. May be called several times.
    func end(_ lease: WorkerLease) {
        lease.end()
        let link = lease.link
        let isFirst = state.withLock { $0.leases.removeValue(forKey: lease.id) != nil }
        perform { machine, _ in machine.end(lease.id) }
        if isFirst { link.ended(lease.run) }
    }

    /// Tells a worker to let go of a run.
    func cancel(_ lease: WorkerLease, _ reason: WorkerCancelReason) { lease.link.send(.cancel(lease.id, reason)) }

    // MARK: Time

    /// Ends offers and leases when their time is over, until the task is cancelled.
    func watch() async {
        while !Task.isCancelled {
            await save()
            let (next, hasWaiting) = state.withLock { ($0.machine.nextTime, $0.machine.hasWaiting) }
            // Those that wait are looked at now and then: nobody need come back for them.
            let pause = [next.map { max(1, $0 - now) }, hasWaiting ? 1000 : nil].compactMap(\.self).min()
            guard let pause else {
                _ = await changes.wait()
                continue
            }
            await withTaskGroup { group in
                group.addTask { _ = await self.changes.wait() }
                // A cancelled sleep is the end of the pause as well.
                group.addTask { try? await self.environment.sleep(.milliseconds(pause)) }
                await group.next()
                group.cancelAll()
            }
            perform { machine, now in machine.timePassed(to: now) + machine.retryWaiting() }
        }
    }

    /// Nothing further is offered.
    func close() { perform { machine, _ in machine.close() } }

    // MARK: Acting

    private func perform(
        _ input: (inout WorkersStateMachine, Int64) -> [WorkersStateMachine.Action],
        before: (inout State) -> Void = { _ in }
    ) {
        perform({ ((), input(&$0, $1)) }, before: before)
    }

    /// Changes the machine, and does what follows, after the lock.
    @discardableResult
    private func perform<Value: Sendable>(
        _ input: (inout WorkersStateMachine, Int64) -> (Value, [WorkersStateMachine.Action]),
        before: (inout State) -> Void = { _ in },
        after: (inout State, Value) -> Void = { _, _ in }
    ) -> Value {
        let now = now
        var (value, actions, leases, links) = state.withLock { state in
            before(&state)
            let (value, actions) = input(&state.machine, now)
            after(&state, value)
            return (value, actions, state.leases, actions.isEmpty ? [:] : state.links)
        }
        while !actions.isEmpty {
            var cameToNothing = false
            for action in actions where !act(on: action, leases, links) { cameToNothing = true }
            // The room is for those that wait behind.
            actions = cameToNothing ? state.withLock { $0.machine.retryWaiting() } : []
        }
        return value
    }

    /// - Returns: `false` for a thread in which nothing waits any longer.
    private func act(
        on action: WorkersStateMachine.Action,
        _ leases: [LeaseID: WorkerLease],
        _ links: [ConnectionID: WorkerLink]
    ) -> Bool {
        switch action {
        case .withdraw(let lease):
            leases[lease]?.withdraw()
        case .lose(let lease):
            logger.info("lease of a worker over", metadata: ["lease.id": "\(lease)"])
            leases[lease]?.lost.signal()
        case .retry(let thread):
            return retry.withLock { $0 }?(thread) ?? true
        case .replaced(let connection):
            links[connection]?.replaced()
        }
        return true
    }
}

extension ProtocolError {
    static func leaseLost(_ lease: LeaseID) -> ProtocolError {
        ProtocolError(.leaseLost, "the lease \(lease) is over: let go of its run, nothing that comes by it counts")
    }

    static func leaseUnknown(_ lease: LeaseID) -> ProtocolError {
        ProtocolError(.leaseUnknown, "this worker was offered no run by a lease \(lease)")
    }
}
