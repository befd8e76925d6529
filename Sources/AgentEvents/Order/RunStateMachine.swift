/// The order of one run's events.
///
/// It knows the run alone; the rules that join runs (parents, ids used before) are ``ThreadStateMachine``'s.
package struct RunStateMachine: Hashable, Sendable {
    enum State: Hashable, Sendable {
        case notStarted
        case running
        case paused
        case ended
    }

    enum ReceiveAction: Hashable, Sendable {
        /// Log the event, as one of the run's agent. (It is handed out here because reading it from the dictionary of
        /// runs would copy the run: 190 instead of 50 ns per event.)
        case accept(agent: AgentName?)
        /// End what is open, given innermost first, then log the event, which is the run's last.
        case end(open: [OpenItem])
        /// Log nothing; nothing changed.
        case reject(OrderViolation)
    }

    let run: RunID
    let policy: OrderPolicy
    /// The longest text of an open message, in bytes as it stands in JSON.
    let maximumMessageByteCount: Int
    private(set) var state: State
    /// The agent, from `agent_started` on.
    private(set) var agent: AgentName?
    /// When the run started.
    private(set) var startTime: Timestamp?
    /// The run that this one is a child of.
    private(set) var parent: RunID?
    private(set) var work = OpenWork()
    private var hasThought = false
    private var hasCompletedCall = false

    /// - Parameter state: `.notStarted`, or `.ended` for a run of which nothing else is known.
    init(run: RunID, policy: OrderPolicy, maximumMessageByteCount: Int, state: State = .notStarted) {
        self.run = run
        self.policy = policy
        self.maximumMessageByteCount = maximumMessageByteCount
        self.state = state
    }

    /// Decides on one event that names this run.
    ///
    /// - Parameters:
    ///   - agent: the agent that the event names; needed with `agent_started`.
    ///   - half: the first half of a character, with which a `message_delta` ended.
    mutating func receive(
        _ payload: EventPayload,
        half: UInt16? = nil,
        agent: AgentName?,
        at time: Timestamp
    ) -> ReceiveAction {
        switch payload {
        case .userMessage, .stateUpdated, .unknown:
            return reject(payload, .notStarted, notOfARun(payload))
        case .agentStarted:
            // Whatever agent it names, a second start is a second start.
            guard state == .notStarted else { return rejectSecondStart(payload) }
        case .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting, .toolProgress,
            .toolCompleted, .approvalRequested, .approvalResolved, .agentPaused, .agentResumed, .agentCompleted,
            .agentFailed, .agentCancelled, .custom:
            break
        }
        switch state {
        case .notStarted:
            return receiveFirst(payload, agent: agent, at: time)
        case .running:
            if let agent, agent != self.agent { return rejectAgent(agent, payload) }
            return receiveRunning(payload, half: half, at: time)
        case .paused:
            if let agent, agent != self.agent { return rejectAgent(agent, payload) }
            return receivePaused(payload, at: time)
        case .ended:
            return reject(payload, .alreadyEnded, "the run has ended, nothing follows its terminal event")
        }
    }

    private mutating func receiveFirst(
        _ payload: EventPayload,
        agent: AgentName?,
        at time: Timestamp
    ) -> ReceiveAction {
        guard case .agentStarted(let started) = payload else {
            return reject(payload, .notStarted, "the run has not started, its first event is agent_started")
        }
        guard let agent else {
            return reject(payload, .notStarted, "agent_started names no agent, a run starts with the name of its agent")
        }
        start(agent: agent, parent: started.parentRun, at: time)
        return .accept(agent: agent)
    }

    private mutating func receiveRunning(
        _ payload: EventPayload,
        half: UInt16?,
        at time: Timestamp
    ) -> ReceiveAction {
        switch payload {
        case .agentThinking:
            hasThought = true
        case .agentProgress, .custom:
            break
        case .messageDelta(let delta):
            let result = work.append(
                delta.text, half: half, to: delta.message, maximumByteCount: maximumMessageByteCount)
            switch result {
            case .appended: break
            case .closed: return rejectClosedMessage(delta.message, payload)
            case .tooLong: return rejectLongMessage(delta.message, payload)
            }
        case .messageCompleted(let completed):
            guard !work.messages.isClosed(completed.message) else {
                return rejectClosedMessage(completed.message, payload)
            }
            work.closeMessage(completed.message)
        case .toolExecuting(let executing):
            guard !work.calls.isOpen(executing.call) else {
                return reject(
                    payload, .callReused,
                    "call \(executing.call) is open already, its id may be used again after its tool_completed")
            }
            guard allowsTools else {
                return reject(payload, .notCanonical, "the run has not thought yet, it thinks before it calls a tool")
            }
            work.openCall(executing.call, tool: executing.tool, at: time)
        case .toolProgress(let progress):
            guard work.calls.isOpen(progress.call) else { return rejectCall(progress.call, payload) }
        case .toolCompleted(let completed):
            return completeCall(completed, payload)
        case .approvalRequested(let requested):
            guard !work.approvals.isUsed(requested.approval) else {
                return reject(payload, .approvalReused, "approval \(requested.approval) is not new in its run")
            }
            if let call = requested.call, !work.calls.isOpen(call) { return rejectCall(call, payload) }
            work.openApproval(requested)
        case .approvalResolved(let resolved):
            return resolve(resolved, payload, at: time)
        case .agentPaused:
            state = .paused
        case .agentResumed:
            return reject(payload, .notPaused, "the run is not paused, agent_resumed follows agent_paused")
        case .agentCompleted:
            return complete(payload)
        case .agentFailed, .agentCancelled:
            return .end(open: end())
        case .agentStarted:
            return rejectSecondStart(payload)
        case .userMessage, .stateUpdated, .unknown:
            return reject(payload, .notStarted, notOfARun(payload))
        }
        return .accept(agent: agent)
    }

    private mutating func receivePaused(_ payload: EventPayload, at time: Timestamp) -> ReceiveAction {
        switch payload {
        case .toolCompleted(let completed):
            return completeCall(completed, payload)
        case .approvalResolved(let resolved):
            return resolve(resolved, payload, at: time)
        case .agentResumed:
            state = .running
            return .accept(agent: agent)
        case .agentFailed, .agentCancelled:
            return .end(open: end())
        case .agentStarted:
            return rejectSecondStart(payload)
        case .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting, .toolProgress,
            .approvalRequested, .agentPaused, .agentCompleted, .custom:
            return reject(payload, .paused, "the run is paused and takes no \(payload.typeName) until it is resumed")
        case .userMessage, .stateUpdated, .unknown:
            return reject(payload, .notStarted, notOfARun(payload))
        }
    }

    private mutating func completeCall(_ completed: ToolCompleted, _ payload: EventPayload) -> ReceiveAction {
        guard let open = work.calls[completed.call] else { return rejectCall(completed.call, payload) }
        guard open.tool == completed.tool else {
            return reject(
                payload,
                .callNotOpen,
                "call \(completed.call) is open for the tool \(open.tool), not for \(completed.tool)"
            )
        }
        work.closeCall(completed.call)
        hasCompletedCall = true
        return .accept(agent: agent)
    }

    /// An answer counts before the time at which the approval expires, whether that was logged yet or not.
    private mutating func resolve(
        _ resolved: ApprovalResolved,
        _ payload: EventPayload,
        at time: Timestamp
    ) -> ReceiveAction {
        guard let open = work.approvals[resolved.approval] else {
            return rejectApproval(resolved.approval, expired: work.expirations[resolved.approval], payload)
        }
        if resolved.decision != .expired, let expiresAt = open.expiresAt, expiresAt <= time {
            return rejectApproval(resolved.approval, expired: expiresAt, payload)
        }
        work.closeApproval(resolved)
        return .accept(agent: agent)
    }

    private mutating func complete(_ payload: EventPayload) -> ReceiveAction {
        guard work.isEmpty else {
            return reject(payload, .workOpen, "the run cannot complete while this is open: \(openWorkInWords)")
        }
        guard allowsCompletion else {
            let missing = hasThought ? "completed tool call" : "thought"
            return reject(payload, .notCanonical, "the run cannot complete without a \(missing)")
        }
        return .end(open: end())
    }

    /// Starts the run.
    mutating func start(agent: AgentName, parent: RunID?, at time: Timestamp) {
        self.agent = agent
        self.parent = parent
        startTime = time
        state = .running
    }

    /// Ends the run, whatever is open.
    ///
    /// - Returns: what was open, innermost first.
    mutating func end() -> [OpenItem] {
        state = .ended
        guard !work.isEmpty else { return [] }
        defer { work = OpenWork() }
        return work.items.reversed()
    }

    /// A child run has started under this one.
    mutating func startChild(_ run: RunID) { work.openChild(run) }

    /// A child run of this one has ended.
    mutating func endChild(_ run: RunID) { work.closeChild(run) }

    /// Replays a logged event of the run, after its start and before its end. It was accepted once, so nothing is checked.
    mutating func restore(_ payload: EventPayload, at time: Timestamp) {
        switch payload {
        case .agentThinking: hasThought = true
        case .messageDelta(let delta): _ = work.append(delta.text, to: delta.message, maximumByteCount: .max)
        case .messageCompleted(let completed): work.closeMessage(completed.message)
        case .toolExecuting(let executing): work.openCall(executing.call, tool: executing.tool, at: time)
        case .toolCompleted(let completed):
            work.closeCall(completed.call)
            hasCompletedCall = true
        case .approvalRequested(let requested): work.openApproval(requested)
        case .approvalResolved(let resolved): work.closeApproval(resolved)
        case .agentPaused: state = .paused
        case .agentResumed: state = .running
        case .agentStarted, .agentProgress, .toolProgress, .agentCompleted, .agentFailed, .agentCancelled, .userMessage,
            .stateUpdated, .custom, .unknown:
            break
        }
    }

    /// Whether the policy lets a tool call start now.
    var allowsTools: Bool {
        switch policy {
        case .standard: true
        case .canonical: hasThought
        }
    }

    /// Whether the policy lets the run complete now.
    var allowsCompletion: Bool {
        switch policy {
        case .standard: true
        case .canonical: hasThought && hasCompletedCall
        }
    }
}
