/// The order of one run's events.
///
/// ```
///             agent_started              agent_paused
/// not started ──────────────> running ────────────────> paused ──┐
///      │                       ^   │ <───────────────────┘       │
///      │ agent_queued          │   │       agent_resumed         │ agent_failed, agent_cancelled
///      └────────────> queued ──┘   │                             v
///                       │ agent_started                        ended
///                       │          └──────────────────────────>  ^
///                       │     agent_completed, agent_failed, agent_cancelled
///                       └────────────────────────────────────────┘
///                         agent_cancelled, agent_failed (run.not_started_in_time)
/// ```
///
/// While queued nothing can be open, so that nothing is closed when such a run ends. Whether a run *waits* for a person is no
/// state of its own: it is read off what is open (``ThreadState/Run/isWaiting``).
///
/// It knows the run alone; the rules that join runs (parents, ids used before) are ``ThreadStateMachine``'s. An event
/// is checked, which changes nothing, and what was accepted is applied, which cannot fail; until another event is
/// applied, it can be undone. The file is long because it holds the whole table: each state with each event.
package struct RunStateMachine: Hashable, Sendable {
    enum State: Hashable, Sendable {
        case notStarted
        case queued
        case running
        case paused
        case ended
    }

    enum CheckAction: Hashable, Sendable {
        /// Log the event, as one of the run's agent.
        ///
        /// - Parameter byteCount: how long the text of a `message_delta` is in JSON, in bytes; 0 for another event.
        case accept(agent: AgentName?, byteCount: Int)
        /// Start the run, which is queued.
        case startQueued(agent: AgentName)
        /// End what is open, given innermost first, then log the event, which is the run's last.
        case end(open: [OpenItem])
        /// Log nothing.
        case reject(OrderViolation)
    }

    /// The reversal of a change.
    enum Undo: Sendable {
        case nothing
        case thought
        indirect case standing(State, RunAttempts, held: [CallID])
        indirect case usage(TokenUsage?)
        case work(OpenWork.Undo)
        case completedCall(OpenWork.Undo, hadCompletedCall: Bool)
    }

    let run: RunID
    let policy: OrderPolicy
    /// The longest text of an open message, in bytes as it stands in JSON.
    let maximumMessageByteCount: Int
    private(set) var state: State
    /// The agent, from the first event on.
    private(set) var agent: AgentName?
    /// When the run started; `nil` while it is queued.
    private(set) var startTime: Timestamp?
    /// The run that this one is a child of.
    private(set) var parent: RunID?
    /// The call of its parent that started it.
    private(set) var parentCall: CallID?
    private(set) var attempts = RunAttempts()
    private(set) var work = OpenWork()
    private var hasThought = false
    private var hasCompletedCall = false
    private var tokens = RunTokens.none

    /// - Parameter state: `.notStarted`, or `.ended` for a run of which nothing else is known.
    init(run: RunID, policy: OrderPolicy, maximumMessageByteCount: Int, state: State = .notStarted) {
        self.run = run
        self.policy = policy
        self.maximumMessageByteCount = maximumMessageByteCount
        self.state = state
    }

    // MARK: Checking

    /// Decides on one event that names this run, and changes nothing; why it is mutating, see
    /// ``OpenRuns/check(_:_:at:time:)``.
    ///
    /// - Parameters:
    ///   - agent: the agent that the event names; needed with `agent_queued` and `agent_started`.
    ///   - half: the first half of a character, with which a `message_delta` ended.
    mutating func check(
        _ payload: EventPayload,
        half: UInt16? = nil,
        agent: AgentName?,
        at time: Timestamp
    ) -> CheckAction {
        switch payload {
        case .userMessage, .stateUpdated, .unknown:
            return reject(payload, .notStarted, problemForUnknownRun(payload))
        case .agentQueued:
            // Whatever agent it names, a second start is a second start.
            guard state == .notStarted else { return rejectSecondStart(payload) }
        case .agentStarted:
            guard state == .notStarted || state == .queued else { return rejectSecondStart(payload) }
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported, .agentPaused,
            .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .custom:
            break
        }
        switch state {
        case .notStarted:
            return checkFirst(payload, agent: agent)
        case .queued:
            if let agent, agent != self.agent { return rejectAgent(agent, payload) }
            return checkQueued(payload, agent: agent)
        case .running:
            if let agent, agent != self.agent { return rejectAgent(agent, payload) }
            return checkRunning(payload, half: half, at: time)
        case .paused:
            if let agent, agent != self.agent { return rejectAgent(agent, payload) }
            return checkPaused(payload, at: time)
        case .ended:
            return reject(payload, .alreadyEnded, Self.problemOfEndedRun)
        }
    }

    private var accepted: CheckAction { .accept(agent: agent, byteCount: 0) }

    private func checkFirst(_ payload: EventPayload, agent: AgentName?) -> CheckAction {
        guard payload.type?.beginsRun == true else {
            return reject(
                payload, .notStarted, "the run has not started, its first event is agent_started or agent_queued")
        }
        guard let agent else { return rejectNameless(payload) }
        return .accept(agent: agent, byteCount: 0)
    }

    /// What has done nothing yet can start, or end without having started.
    private func checkQueued(_ payload: EventPayload, agent: AgentName?) -> CheckAction {
        switch payload {
        case .agentStarted(let started):
            guard let agent else { return rejectNameless(payload) }
            guard started.parentRunID == nil, started.parentCallID == nil else {
                return reject(
                    payload, .parentNotOpen, "the run was queued without a parent, it starts without one")
            }
            return .startQueued(agent: agent)
        case .agentFailed(let failed):
            guard failed.error.code == RunFailure.notStartedInTime.code else {
                return reject(
                    payload, .notStarted,
                    "the run is queued and has not started, so it fails with no other code than "
                        + "\(RunFailure.notStartedInTime.code); end it with agent_cancelled")
            }
            return .end(open: [])
        case .agentCancelled:
            return .end(open: [])
        case .agentQueued:
            return rejectSecondStart(payload)
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported, .agentPaused,
            .agentResumed, .agentCompleted, .custom:
            return reject(
                payload, .notStarted, "the run is queued and has not started, agent_started comes before its work")
        case .userMessage, .stateUpdated, .unknown:
            return reject(payload, .notStarted, problemForUnknownRun(payload))
        }
    }

    private func rejectNameless(_ payload: EventPayload) -> CheckAction {
        reject(
            payload, .notStarted, "\(payload.typeName) names no agent, a run starts with the name of its agent")
    }

    private mutating func checkRunning(_ payload: EventPayload, half: UInt16?, at time: Timestamp) -> CheckAction {
        switch payload {
        case .inputTaken, .agentThinking, .agentProgress, .usageReported, .agentPaused, .custom:
            return accepted
        case .messageDelta(let delta):
            let check = work.check(
                delta.text, half: half, of: delta.messageID, maximumByteCount: maximumMessageByteCount)
            switch check {
            case .fits(let byteCount): return .accept(agent: agent, byteCount: byteCount)
            case .closed: return rejectClosedMessage(delta.messageID, payload)
            case .tooLong: return rejectLongMessage(delta.messageID, payload)
            }
        case .messageCompleted(let completed):
            guard !work.messages.isClosed(completed.messageID) else {
                return rejectClosedMessage(completed.messageID, payload)
            }
            return accepted
        case .toolExecuting(let executing):
            guard !work.calls.isOpen(executing.callID) else {
                return reject(
                    payload, .callReused,
                    "call \(executing.callID) is open already, its id may be used again after its tool_completed")
            }
            guard allowsTools else {
                return reject(payload, .notCanonical, "the run has not thought yet, it thinks before it calls a tool")
            }
            return accepted
        case .toolProgress(let progress):
            guard work.calls.isOpen(progress.callID) else { return rejectCall(progress.callID, payload) }
            return accepted
        case .toolCompleted(let completed):
            return check(completed, payload)
        case .approvalRequested(let requested):
            guard !work.approvals.isUsed(requested.approvalID) else {
                return reject(payload, .approvalReused, "approval \(requested.approvalID) is not new in its run")
            }
            if let call = requested.callID, !work.calls.isOpen(call) { return rejectCall(call, payload) }
            return accepted
        case .approvalResolved(let resolved):
            return check(resolved, payload, at: time)
        case .agentResumed:
            return reject(payload, .notPaused, "the run is not paused, agent_resumed follows agent_paused")
        case .agentCompleted:
            return checkCompletion(payload)
        case .agentFailed, .agentCancelled:
            return .end(open: openFromTheTop)
        case .agentQueued, .agentStarted:
            return rejectSecondStart(payload)
        case .userMessage, .stateUpdated, .unknown:
            return reject(payload, .notStarted, problemForUnknownRun(payload))
        }
    }

    private func checkPaused(_ payload: EventPayload, at time: Timestamp) -> CheckAction {
        switch payload {
        // A call that is under way goes on, and what it tells must not fail it.
        case .toolProgress(let progress):
            guard work.calls.isOpen(progress.callID) else { return rejectCall(progress.callID, payload) }
            return accepted
        case .toolCompleted(let completed):
            return check(completed, payload)
        case .approvalResolved(let resolved):
            return check(resolved, payload, at: time)
        case .usageReported, .agentResumed:
            return accepted
        case .agentFailed, .agentCancelled:
            return .end(open: openFromTheTop)
        case .agentQueued, .agentStarted:
            return rejectSecondStart(payload)
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .approvalRequested, .agentPaused, .agentCompleted, .custom:
            return reject(payload, .paused, "the run is paused and takes no \(payload.typeName) until it is resumed")
        case .userMessage, .stateUpdated, .unknown:
            return reject(payload, .notStarted, problemForUnknownRun(payload))
        }
    }

    private func check(_ completed: ToolCompleted, _ payload: EventPayload) -> CheckAction {
        guard let open = work.calls[completed.callID] else { return rejectCall(completed.callID, payload) }
        guard open.tool == completed.tool else {
            return reject(
                payload,
                .callNotOpen,
                "call \(completed.callID) is open for the tool \(open.tool), not for \(completed.tool)"
            )
        }
        return accepted
    }

    /// An answer counts before the time at which the approval expires, whether that was logged yet or not.
    private func check(_ resolved: ApprovalResolved, _ payload: EventPayload, at time: Timestamp) -> CheckAction {
        guard let open = work.approvals[resolved.approvalID] else {
            return rejectApproval(resolved.approvalID, expired: work.expirations[resolved.approvalID], payload)
        }
        if resolved.decision != .expired, let expiresAt = open.expiresAt, expiresAt <= time {
            return rejectApproval(resolved.approvalID, expired: expiresAt, payload)
        }
        return accepted
    }

    private func checkCompletion(_ payload: EventPayload) -> CheckAction {
        guard work.isEmpty else {
            return reject(payload, .workOpen, "the run cannot complete while this is open: \(openWorkInWords)")
        }
        guard allowsCompletion else {
            let missing = hasThought ? "completed tool call" : "thought"
            return reject(payload, .notCanonical, "the run cannot complete without a \(missing)")
        }
        return .end(open: [])
    }

    /// The open items, innermost first.
    var openFromTheTop: [OpenItem] { work.isEmpty ? [] : work.items.reversed() }

    // MARK: Applying

    /// Makes the change of an event of the run that was accepted, after its first one and before its end. Nothing is
    /// checked, nothing can fail.
    ///
    /// - Parameters:
    ///   - half: the first half of a character, with which a `message_delta` ended.
    ///   - byteCount: how long the text of a `message_delta` is in JSON, in bytes; counted when it is `nil`.
    mutating func apply(
        _ payload: EventPayload,
        half: UInt16? = nil,
        byteCount: Int? = nil,
        at time: Timestamp
    ) -> Undo {
        switch payload {
        case .agentThinking:
            guard !hasThought else { return .nothing }
            hasThought = true
            return .thought
        case .messageDelta(let delta):
            let byteCount = byteCount ?? JSONWriter.escapedByteCount(of: delta.text)
            return .work(work.append(delta.text, byteCount: byteCount, half: half, to: delta.messageID))
        case .messageCompleted(let completed):
            return .work(work.closeMessage(completed.messageID))
        case .toolExecuting(let executing):
            return .work(work.openCall(executing.callID, tool: executing.tool, at: time))
        case .toolProgress(let progress):
            return .work(work.beginCall(progress.callID))
        case .toolCompleted(let completed):
            let undo = Undo.completedCall(work.closeCall(completed.callID), hadCompletedCall: hasCompletedCall)
            hasCompletedCall = true
            return undo
        case .approvalRequested(let requested):
            return .work(work.openApproval(requested))
        case .approvalResolved(let resolved):
            return .work(work.closeApproval(resolved, isHeld: state == .paused))
        case .agentPaused(let paused):
            let undo = Undo.standing(state, attempts, held: [])
            state = .paused
            if paused.isLoss { attempts.end(isHandedOver: paused.isHandedOver) }
            return undo
        case .agentResumed:
            let undo = Undo.standing(state, attempts, held: work.releaseHeldCalls())
            state = .running
            if attempts.isLost { attempts.beginNext(at: time) }
            return undo
        case .usageReported(let report):
            return .usage(tokens.add(report))
        case .agentQueued, .agentStarted, .inputTaken, .agentProgress, .agentCompleted, .agentFailed, .agentCancelled,
            .userMessage, .stateUpdated, .custom, .unknown:
            return .nothing
        }
    }

    /// Takes back the last change that was not taken back.
    mutating func undo(_ change: Undo) {
        switch change {
        case .nothing: break
        case .thought: hasThought = false
        case .usage(let reported): tokens.setReported(reported)
        case .standing(let state, let attempts, let held):
            self.state = state
            self.attempts = attempts
            work.undoReleaseHeldCalls(held)
        case .work(let change): work.undo(change)
        case .completedCall(let change, let hadCompletedCall):
            work.undo(change)
            hasCompletedCall = hadCompletedCall
        }
    }

    /// Queues the run.
    mutating func queue(agent: AgentName) {
        self.agent = agent
        state = .queued
    }

    /// Starts the run, which was queued.
    ///
    /// - Parameter attempt: the number of the attempt, as its start says.
    mutating func startQueued(attempt: Int?, at time: Timestamp) {
        startTime = time
        state = .running
        attempts = RunAttempts(number: attempt ?? 1, began: time)
    }

    mutating func undoStartQueued() {
        startTime = nil
        state = .queued
        attempts = RunAttempts()
    }

    /// Starts the run, which was not queued.
    mutating func start(agent: AgentName, _ started: AgentStarted, at time: Timestamp) {
        self.agent = agent
        parent = started.parentRunID
        parentCall = started.parentCallID
        startTime = time
        state = .running
        attempts = RunAttempts(number: started.attempt ?? 1, began: time)
    }

    /// A child run has started under this one.
    ///
    /// - Parameter call: the call that starts it.
    /// - Returns: whether that is the first sign of the call's body.
    mutating func startChild(_ run: RunID, call: CallID?) -> Bool { work.openChild(run, call: call) }

    mutating func undoStartChild(_ run: RunID, began: CallID?) { work.undoOpenChild(run, began: began) }

    /// A child run of this one has ended.
    ///
    /// - Returns: the place that it had; `nil` when it was not open.
    mutating func endChild(_ run: RunID) -> Int? { work.closeChild(run) }

    mutating func undoEndChild(_ run: RunID, _ place: Int) { work.undoCloseChild(run, place) }

    // MARK: Usage

    /// The tokens that `usage_reported` of the run adds up to; `nil` for none.
    var reportedTokens: TokenUsage? { tokens.reported }

    /// The tokens that child runs used which have ended, as their ends say; `nil` for none.
    var tokensOfChildren: TokenUsage? { tokens.ofChildren }

    /// A child run has ended, and this is what it used.
    mutating func addTokens(ofChild usage: TokenUsage) { tokens.add(ofChild: usage) }

    // MARK: The policy

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

/// The attempts of a run: each is the work of one process for it.
struct RunAttempts: Hashable, Sendable {
    /// The number of the last one that began, from 1. A run that does another one again continues its numbers.
    var number = 1
    /// The number of those that a process which stopped in order has let go of. They do not count: nothing was lost.
    var handedOverCount = 0
    /// When the last one began; `nil` for a run that is queued.
    var began: Timestamp?
    /// The run is paused because the process of that one is gone.
    var isLost = false
    /// That process has stopped in order.
    var isHandedOver = false

    /// The process of the last one is gone.
    ///
    /// - Parameter isHandedOver: whether it has stopped in order.
    mutating func end(isHandedOver: Bool) {
        isLost = true
        self.isHandedOver = isHandedOver
        if isHandedOver { handedOverCount += 1 }
    }

    /// A process takes the run up.
    mutating func beginNext(at time: Timestamp) {
        number += 1
        began = time
        isLost = false
        isHandedOver = false
    }
}
