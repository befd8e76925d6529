package import AgentEvents

// What a request becomes in its thread, and when a queued run starts.

extension ConcurrencyPolicy {
    /// The facts about the request, and about the agent that it is for.
    package struct Request: Hashable, Sendable {
        /// The agent that was asked for.
        package var agent: AgentName
        /// Says if any agent may answer: none was named.
        package var takesAnyAgent = false
        /// Says if the request is a message, which can be given to a run under way.
        package var isMessage = true
        /// Says if a run could start now: there is a slot for it.
        package var hasSlot = true
        /// The reason for which no further run may be queued; `nil` when one may.
        package var queueRefusal: QueueRefusal?
        /// Says if bodies of runs of the thread have not returned yet.
        package var hasBodies = false
        /// Says if the run is not to start yet.
        package var isDelayed = false
        /// The most runs that are queued in the thread.
        package var maximumQueuedCount = 16
        /// The most runs that are open beside each other.
        package var parallelLimit = 4
        /// The agents that take input while they run.
        package var inputAgents: Set<AgentName> = []

        package init(agent: AgentName) { self.agent = agent }
    }

    /// The reason for which a request is refused. Nothing is logged then.
    package enum QueueRefusal: Hashable, Sendable, CaseIterable {
        /// The thread is busy, and the policy is to reject.
        case threadBusy
        /// As many runs are queued in the thread as may be.
        case threadFull
        /// As many runs of the user are queued as may be.
        case userFull
        /// As many runs are queued as may be in the whole service.
        case serviceFull
    }

    /// The outcome of a request.
    package enum PolicyAction: Hashable, Sendable {
        case refuse(QueueRefusal)
        case start
        case enqueue
        /// The runs end, in this order, and the new one takes their place.
        ///
        /// - Parameters:
        ///   - discards: whether readers leave them out.
        ///   - starts: whether the new one starts with the same commit; it is queued otherwise.
        case replace(runs: [RunID], discards: Bool, starts: Bool)
        /// The run is given the message.
        case steer(RunID)
    }

    /// Decides what a request becomes, by what is open in its thread.
    package func decide(_ load: ThreadLoad, _ request: Request) -> PolicyAction {
        guard load.isBusy else { return request.startOrEnqueue(after: 0) }
        switch self {
        case .reject:
            return .refuse(.threadBusy)
        case .queue:
            return request.enqueue(after: load.queue.count)
        case .supersede:
            return replace(load, request, discards: false)
        case .rollback:
            return replace(load, request, discards: true)
        case .parallel:
            // Those that wait for a slot, or for others to end, are not overtaken.
            guard load.queue.isEmpty, load.roots.count < request.parallelLimit else {
                return request.enqueue(after: load.queue.count)
            }
            return request.startOrEnqueue(after: 0)
        case .steer:
            guard request.isMessage, let root = load.roots.last(where: { takesInput($0, of: request) }) else {
                return request.enqueue(after: load.queue.count)
            }
            // What it leaves when it ends has to fit into one event.
            let limit = min(request.maximumQueuedCount, MessageList.maximumCount)
            return root.inputCount < limit ? .steer(root.run) : .refuse(.threadFull)
        }
    }

    private func takesInput(_ root: ThreadLoad.Root, of request: Request) -> Bool {
        root.host == .process && request.inputAgents.contains(root.agent)
            && (request.takesAnyAgent || root.agent == request.agent)
    }

    /// The place in the queue is free in any case when others leave it.
    private func replace(_ load: ThreadLoad, _ request: Request, discards: Bool) -> PolicyAction {
        // Two bodies at once would get into each other's way: the new one waits for the old ones to return.
        let starts = request.hasSlot && !request.hasBodies && !request.isDelayed
        if !starts, load.queue.isEmpty, let refusal = request.queueRefusal { return .refuse(refusal) }
        return .replace(
            runs: load.roots.map(\.run) + load.queue.map(\.run), discards: discards, starts: starts)
    }

    /// Says if a queued run may start, by what is open in its thread.
    ///
    /// - Parameters:
    ///   - run: the queued run.
    ///   - time: the time of its start.
    ///   - parallelLimit: the most runs that are open beside each other; 1 for an agent that runs alone.
    ///   - isServed: whether somebody could start a run of an agent.
    package static func mayStart(
        _ run: RunID,
        _ load: ThreadLoad,
        at time: Timestamp,
        parallelLimit: Int,
        isServed: (AgentName) -> Bool = { _ in true }
    ) -> StartAction {
        // A delayed run does not hold up those after it, nor does one that nobody can start.
        let next = load.queue.first { isServed($0.agent) && ($0.notBefore.map { $0 <= time } ?? true) }
        guard let place = load.queue.firstIndex(where: { $0.run == run }) else { return .leave }
        guard load.roots.count < parallelLimit else { return .wait }
        return next?.run == run ? .start(place: place) : .waitForAnother
    }

    /// The outcome for a queued run whose turn it seems to be.
    package enum StartAction: Hashable, Sendable {
        /// - Parameter place: its place among the queued runs of the thread.
        case start(place: Int)
        /// The thread is busy.
        case wait
        /// Another one comes before it, of which the caller need not know yet.
        case waitForAnother
        /// It is not queued any longer.
        case leave
    }
}

extension ConcurrencyPolicy.Request {
    fileprivate func startOrEnqueue(after queuedCount: Int) -> ConcurrencyPolicy.PolicyAction {
        hasSlot && !isDelayed ? .start : enqueue(after: queuedCount)
    }

    fileprivate func enqueue(after queuedCount: Int) -> ConcurrencyPolicy.PolicyAction {
        guard queuedCount < maximumQueuedCount else { return .refuse(.threadFull) }
        return queueRefusal.map { .refuse($0) } ?? .enqueue
    }
}
