package import AgentEvents
package import AgentEventsProtocol

/// The programs outside that work for agents, what each has of runs, and who is offered the next one.
///
/// ```
///                      ┌── decline, or not taken in time ──> withdrawn: the run is queued as before
///   offer ──> offered ─┤
///                      └── take ──> held ──┬── end: its run has ended ──> gone
///                                          └── nothing heard for the time of a lease ──> lost
///
///   serve ──> connected ── gone ──> away, with its leases ──┬── serve, with their names ──> connected: kept
///                  └── another connection of its name ──────┘   without ──> lost
/// ```
///
/// Time is that of the service's monotonic clock, in milliseconds. Whatever comes from a worker renews all that it holds, so its
/// leases have one end. A lease that is over is remembered for a while, to tell it from one that never was.
package struct WorkersStateMachine: Sendable {
    /// The times and numbers that count.
    package struct Limits: Hashable, Sendable {
        package var leaseMilliseconds: Int64 = 30_000
        package var offerMilliseconds: Int64 = 5_000
        /// Those that are remembered when they are over.
        package var rememberedLeases = 4_096
        /// The agents that are known although nobody serves them any longer.
        package var rememberedAgents = 1_024

        package init() {}
    }

    /// A worker, among those of the user that its credentials stand for.
    package struct Key: Hashable, Sendable {
        package var user: UserID
        package var worker: WorkerID

        package init(user: UserID, worker: WorkerID) {
            self.user = user
            self.worker = worker
        }
    }

    /// A thread with a run that waits for a worker.
    package struct WaitingThread: Hashable, Sendable {
        package var thread: ThreadID
        /// The user that it belongs to.
        package var user: UserID

        package init(thread: ThreadID, user: UserID) {
            self.thread = thread
            self.user = user
        }
    }

    private struct Worker {
        let key: Key
        /// Rises with each worker: of two that are as good as each other, the older one is asked.
        let number: Int
        /// `nil` while it is away.
        var connection: ConnectionID?
        var agents: [AgentName] = []
        var capacity = 0
        /// Its offers, and its leases.
        var used: Set<LeaseID> = []
        var heardAt: Int64
        /// It did not take what it was offered, or was lost: others are asked first, until it is heard from.
        var isSuspect = false
        var hasLeases: Bool { !used.isEmpty }

        var hasRoom: Bool { connection != nil && used.count < capacity }

        /// Whether it is asked before another one that serves the agent as well.
        func precedes(_ other: Worker) -> Bool {
            if isSuspect != other.isSuspect { return !isSuspect }
            let (mine, others) = (used.count * other.capacity, other.used.count * capacity)
            return mine == others ? number < other.number : mine < others
        }
    }

    private struct Lease {
        let worker: Key
        /// The end of the offer; `nil` once it is taken.
        var offeredUntil: Int64?
    }

    private struct KnownAgent {
        var restart: RestartMode
        var servedAt: Int64
    }

    package let limits: Limits
    private var workers: [Key: Worker] = [:]
    private var keys: [ConnectionID: Key] = [:]
    private var leases: [LeaseID: Lease] = [:]
    private var over: Set<LeaseID> = []
    private var overOrder = Deque<LeaseID>()
    private var agents: [AgentName: KnownAgent] = [:]
    private var waiting: [AgentName: WaitingLine] = [:]
    private var lastNumber = 0
    private var isClosed = false

    package init(limits: Limits = Limits()) { self.limits = limits }

    package enum Action: Hashable, Sendable {
        /// The offer has come to nothing.
        case withdraw(LeaseID)
        /// The worker is lost.
        case lose(LeaseID)
        /// A run of the thread may be offered now.
        case retry(WaitingThread)
        /// Another connection has taken the place of this one.
        case replaced(ConnectionID)
    }

    // MARK: Looking

    /// Leases and offers.
    package var leaseCount: Int { leases.count }
    package var workerCount: Int { workers.count }
    package func knows(_ worker: Key) -> Bool { workers[worker] != nil }
    package var hasServed: Bool { !agents.isEmpty }

    /// The end of the runs of an agent when their worker is lost; `nil` for one that no worker has served.
    package func restart(of agent: AgentName) -> RestartMode? { agents[agent]?.restart }

    /// An agent that workers have served before this process.
    package mutating func remember(_ agent: AgentName, _ restart: RestartMode) {
        guard agents[agent] == nil, agents.count < limits.rememberedAgents else { return }
        agents[agent] = KnownAgent(restart: restart, servedAt: .min / 2)
    }

    /// The restart modes of all agents that are known.
    package var restarts: [AgentName: RestartMode] { agents.mapValues(\.restart) }

    /// Whether requests for an agent are taken: a worker serves it, or did a moment ago and may come back.
    package func isServed(_ agent: AgentName, at time: Int64) -> Bool {
        guard let known = agents[agent] else { return false }
        return time < known.servedAt + limits.leaseMilliseconds
            || workers.values.contains { ($0.connection != nil || $0.hasLeases) && $0.agents.contains(agent) }
    }

    /// The workers that serve an agent, or hold runs of it.
    package func workers(of agent: AgentName) -> [Key] {
        workers.values.filter { ($0.connection != nil || $0.hasLeases) && $0.agents.contains(agent) }.map(\.key)
    }

    /// The connected workers with the first agent of each, in the order in which they came.
    package var firstAgents: [(worker: Key, agent: AgentName)] {
        workers.values.filter { $0.connection != nil }.sorted { $0.number < $1.number }.compactMap { worker in
            worker.agents.first.map { (worker.key, $0) }
        }
    }

    /// Whether a run of an agent could be offered to somebody.
    package func hasRoom(for agent: AgentName) -> Bool { !isClosed && freeCount(of: agent) > 0 }

    private func freeCount(of agent: AgentName) -> Int {
        workers.values.reduce(0) { $0 + ($1.hasRoom && $1.agents.contains(agent) ? $1.capacity - $1.used.count : 0) }
    }

    /// The next time at which something happens by itself; `nil` for never.
    package var nextTime: Int64? {
        let offers = leases.values.compactMap(\.offeredUntil).min()
        let ends = workers.values.filter { $0.hasLeases }.map { $0.heardAt + limits.leaseMilliseconds }.min()
        return [offers, ends].compactMap(\.self).min()
    }

    // MARK: Workers

    /// The answer to a worker that offers itself.
    package struct Serving: Hashable, Sendable {
        /// Of the leases that it named.
        package var kept: [LeaseID] = []
        package var lost: [LeaseID] = []
        package var actions: [Action] = []
        /// Why nothing was changed: another worker serves one of the agents otherwise.
        package var conflict: Conflict?
    }

    /// An agent, and what becomes of its runs by the worker that serves it.
    package struct Conflict: Hashable, Sendable {
        package var agent: AgentName
        package var restart: RestartMode
    }

    /// A worker offers to work for agents, for the first time, again, or over another connection.
    package mutating func serve(
        _ request: ServeRequest,
        as key: Key,
        on connection: ConnectionID,
        at time: Int64
    ) -> Serving {
        var serving = Serving()
        serving.actions = timePassed(to: time)
        serving.conflict = conflict(of: request, as: key, on: connection)
        if serving.conflict != nil { return serving }
        if let other = keys[connection], other != key { serving.actions += gone(connection, at: time) }
        var worker = workers[key] ?? makeWorker(key, at: time)
        if let before = worker.connection, before != connection {
            keys[before] = nil
            serving.actions.append(.replaced(before))
        }
        let named = request.leases ?? []
        serving.kept = named.filter { worker.used.contains($0) && leases[$0]?.offeredUntil == nil }
        serving.lost = named.filter { !serving.kept.contains($0) }
        // What was offered to a connection that is gone nobody takes; and what the worker does not know it does not work for.
        if worker.connection != connection || request.leases != nil {
            for lease in worker.used.subtracting(serving.kept).sorted(by: { $0.rawValue < $1.rawValue }) {
                let isOffer = leases[lease]?.offeredUntil != nil
                if isOffer, worker.connection == connection { continue }
                worker.used.remove(lease)
                finish(lease)
                serving.actions.append(isOffer ? .withdraw(lease) : .lose(lease))
            }
        }
        worker.connection = connection
        worker.agents = request.agents
        worker.capacity = request.capacity
        worker.heardAt = time
        worker.isSuspect = false
        workers[key] = worker
        keys[connection] = key
        for agent in request.agents { agents[agent] = KnownAgent(restart: request.restart, servedAt: time) }
        forgetAgents()
        serving.actions += retries(of: request.agents)
        return serving
    }

    /// What becomes of a run when its worker is lost is one thing for all that work for its agent.
    private func conflict(of request: ServeRequest, as key: Key, on connection: ConnectionID) -> Conflict? {
        for agent in request.agents {
            guard let known = agents[agent], known.restart != request.restart else { continue }
            // The one that has this connection gives way.
            let isServed = workers.values.contains {
                $0.key != key && ($0.connection != nil && $0.connection != connection || $0.hasLeases)
                    && $0.agents.contains(agent)
            }
            if isServed { return Conflict(agent: agent, restart: known.restart) }
        }
        return nil
    }

    private mutating func makeWorker(_ key: Key, at time: Int64) -> Worker {
        lastNumber += 1
        return Worker(key: key, number: lastNumber, heardAt: time)
    }

    private mutating func forgetAgents() {
        while agents.count > limits.rememberedAgents {
            let used = Set(workers.values.flatMap(\.agents))
            guard
                let oldest = agents.filter({ !used.contains($0.key) }).min(by: { $0.value.servedAt < $1.value.servedAt }
                )
            else { return }
            agents[oldest.key] = nil
        }
    }

    /// A connection is gone. What its worker holds it keeps until the end of its leases; what it was offered it does not.
    package mutating func gone(_ connection: ConnectionID, at time: Int64) -> [Action] {
        guard let key = keys.removeValue(forKey: connection), var worker = workers[key] else { return [] }
        worker.connection = nil
        var actions: [Action] = []
        for lease in worker.used.sorted(by: { $0.rawValue < $1.rawValue }) where leases[lease]?.offeredUntil != nil {
            worker.used.remove(lease)
            finish(lease)
            actions.append(.withdraw(lease))
        }
        workers[key] = worker
        noteServed(worker, at: time)
        forgetIfIdle(key)
        return actions
    }

    private mutating func noteServed(_ worker: Worker, at time: Int64) {
        for agent in worker.agents {
            guard let known = agents[agent] else { continue }
            agents[agent]?.servedAt = max(known.servedAt, time)
        }
    }

    private mutating func forgetIfIdle(_ key: Key) {
        if let worker = workers[key], worker.connection == nil, !worker.hasLeases { workers[key] = nil }
    }

    /// Something has come from a worker.
    ///
    /// - Returns: leases that were over before it came.
    package mutating func heard(_ connection: ConnectionID, at time: Int64) -> [Action] {
        guard let key = keys[connection], let worker = workers[key] else { return [] }
        let actions = worker.hasLeases && worker.heardAt + limits.leaseMilliseconds <= time ? timePassed(to: time) : []
        workers[key]?.heardAt = time
        workers[key]?.isSuspect = false
        return actions
    }

    /// A worker renews its leases by their names.
    ///
    /// - Returns: those that it has no longer, and those that it never had.
    package func missing(_ named: [LeaseID], on connection: ConnectionID) -> (lost: [LeaseID], unknown: [LeaseID]) {
        let used = keys[connection].flatMap { workers[$0]?.used } ?? []
        let missing = named.filter { !used.contains($0) }
        return (missing.filter { over.contains($0) }, missing.filter { !over.contains($0) })
    }

    // MARK: Offers

    /// The worker that a run is to be offered to.
    ///
    /// - Parameter excluded: those that may not work in the thread.
    package func choice(for agent: AgentName, without excluded: Set<Key> = []) -> (key: Key, connection: ConnectionID)?
    {
        guard !isClosed else { return nil }
        var best: Worker?
        for worker in workers.values
        where worker.hasRoom && worker.agents.contains(agent) && !excluded.contains(worker.key) {
            if best.map({ worker.precedes($0) }) ?? true { best = worker }
        }
        return best.flatMap { best in best.connection.map { (best.key, $0) } }
    }

    /// A run is offered to a worker, if it still has room.
    ///
    /// - Returns: `nil` when it has none.
    package mutating func offer(_ lease: LeaseID, to key: Key, at time: Int64) -> ConnectionID? {
        guard !isClosed, let worker = workers[key], worker.hasRoom, let connection = worker.connection else {
            return nil
        }
        leases[lease] = Lease(worker: key, offeredUntil: time + limits.offerMilliseconds)
        workers[key]?.used.insert(lease)
        return connection
    }

    /// A run of an agent has to wait until a worker has room.
    package mutating func wait(for agent: AgentName, in thread: WaitingThread) {
        waiting[agent, default: WaitingLine()].append(thread)
    }

    /// As many threads as there is room for are tried again.
    private mutating func retries(of agents: [AgentName]) -> [Action] {
        guard !isClosed else { return [] }
        var actions: [Action] = []
        for agent in agents where waiting[agent] != nil {
            var free = freeCount(of: agent)
            while free > 0, let thread = waiting[agent]?.popFirst() {
                actions.append(.retry(thread))
                free -= 1
            }
            if waiting[agent]?.isEmpty == true { waiting[agent] = nil }
        }
        return actions
    }

    /// Runs that wait although somebody has room are tried again: what was to be tried before may have come to nothing.
    package mutating func retryWaiting() -> [Action] {
        retries(of: waiting.keys.sorted { $0.rawValue < $1.rawValue })
    }

    /// Whether runs wait for workers.
    package var hasWaiting: Bool { !waiting.isEmpty }

    package enum TakeAction: Hashable, Sendable {
        case taken
        /// The offer, or the lease, is over.
        case lost
        /// There was no such offer to this worker.
        case unknown
        /// It was taken before.
        case repeated
    }

    /// A worker takes what it is offered.
    package mutating func take(_ lease: LeaseID, on connection: ConnectionID) -> TakeAction {
        guard let found = leases[lease], keys[connection] == found.worker else {
            return over.contains(lease) ? .lost : .unknown
        }
        guard found.offeredUntil != nil else { return .repeated }
        leases[lease]?.offeredUntil = nil
        return .taken
    }

    /// A worker does not take what it is offered, or gives back what it holds.
    package mutating func decline(_ lease: LeaseID, on connection: ConnectionID) -> (TakeAction, [Action]) {
        guard let found = leases[lease], keys[connection] == found.worker else {
            return (over.contains(lease) ? .lost : .unknown, [])
        }
        workers[found.worker]?.isSuspect = true
        let isOffer = found.offeredUntil != nil
        let freed = end(lease)
        return (.taken, [isOffer ? .withdraw(lease) : .lose(lease)] + freed)
    }

    // MARK: Leases

    package enum Use: Hashable, Sendable {
        case held
        case lost
        /// Nothing is known of it here.
        case unknown
    }

    /// Something comes by a lease: it is renewed before it is used, or over.
    ///
    /// - Parameter user: the user of the credentials that it comes with.
    package mutating func use(_ lease: LeaseID, by user: UserID, at time: Int64) -> (Use, [Action]) {
        guard let found = leases[lease] else { return (over.contains(lease) ? .lost : .unknown, []) }
        guard found.worker.user == user, found.offeredUntil == nil, let worker = workers[found.worker] else {
            return (.lost, [])
        }
        guard time < worker.heardAt + limits.leaseMilliseconds else { return (.lost, timePassed(to: time)) }
        workers[found.worker]?.heardAt = time
        return (.held, [])
    }

    /// The work for a run is over, or never began.
    package mutating func end(_ lease: LeaseID) -> [Action] {
        guard let found = leases[lease] else { return [] }
        workers[found.worker]?.used.remove(lease)
        finish(lease)
        let agents = workers[found.worker]?.agents ?? []
        forgetIfIdle(found.worker)
        return retries(of: agents)
    }

    private mutating func finish(_ lease: LeaseID) {
        leases[lease] = nil
        guard over.insert(lease).inserted else { return }
        overOrder.append(lease)
        while overOrder.count > limits.rememberedLeases, let oldest = overOrder.popFirst() { over.remove(oldest) }
    }

    // MARK: Time and the end

    package mutating func timePassed(to time: Int64) -> [Action] {
        var actions: [Action] = []
        var freed: [AgentName] = []
        for worker in workers.values.sorted(by: { $0.number < $1.number }) where worker.hasLeases {
            let isLost = worker.heardAt + limits.leaseMilliseconds <= time
            for lease in worker.used.sorted(by: { $0.rawValue < $1.rawValue }) {
                let offeredUntil = leases[lease]?.offeredUntil
                guard isLost || offeredUntil.map({ $0 <= time }) ?? false else { continue }
                workers[worker.key]?.used.remove(lease)
                workers[worker.key]?.isSuspect = true
                finish(lease)
                actions.append(offeredUntil == nil ? .lose(lease) : .withdraw(lease))
            }
            guard workers[worker.key]?.used.count != worker.used.count else { continue }
            freed += worker.agents
            noteServed(worker, at: worker.heardAt)
            forgetIfIdle(worker.key)
        }
        return actions + retries(of: freed)
    }

    /// Nothing further is offered. What is held stays so.
    package mutating func close() -> [Action] {
        isClosed = true
        let offers = leases.filter { $0.value.offeredUntil != nil }.keys.sorted { $0.rawValue < $1.rawValue }
        return offers.flatMap { lease in [.withdraw(lease)] + end(lease) }
    }
}
