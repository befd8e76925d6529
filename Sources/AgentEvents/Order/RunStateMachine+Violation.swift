// What a rejected event is told. None of this runs for an event that is accepted.

extension RunStateMachine {
    /// The largest number of open items that are listed by name.
    private static let maximumListedItems = 20

    func reject(_ payload: EventPayload, _ rule: OrderRule, _ problem: String) -> CheckAction {
        .reject(violation(payload, rule, problem))
    }

    func violation(_ payload: EventPayload, _ rule: OrderRule, _ problem: String) -> OrderViolation {
        OrderViolation(
            rule: rule,
            eventType: payload.typeName,
            runID: run,
            state: stateInWords,
            problem: problem,
            legal: EventType.allCases.filter(accepts).map(\.rawValue)
        )
    }

    func rejectAgent(_ agent: AgentName, _ payload: EventPayload) -> CheckAction {
        reject(payload, .agentMismatch, "the event names the agent \(agent), the run is one of \(self.agent ?? agent)")
    }

    func rejectSecondStart(_ payload: EventPayload) -> CheckAction {
        let problem =
            state == .queued
            ? "the run is queued already, its next event is agent_started"
            : "a run of this id has started before, a run id is used once in a thread"
        return reject(payload, .alreadyStarted, problem)
    }

    func rejectCall(_ call: CallID, _ payload: EventPayload) -> CheckAction {
        reject(payload, .callNotOpen, "call \(call) is not open")
    }

    /// - Parameter time: when the approval expired; `nil` when it did not.
    func rejectApproval(_ approval: ApprovalID, expired time: Timestamp?, _ payload: EventPayload) -> CheckAction {
        guard let time else { return reject(payload, .approvalNotOpen, "approval \(approval) is not open") }
        return reject(
            payload, .approvalNotOpen,
            "approval \(approval) is not open: it expired at \(time.rfc3339), an answer comes before that")
    }

    func rejectClosedMessage(_ message: MessageID, _ payload: EventPayload) -> CheckAction {
        reject(payload, .messageClosed, "message \(message) is completed and is not reopened")
    }

    func rejectLongMessage(_ message: MessageID, _ payload: EventPayload) -> CheckAction {
        reject(
            payload,
            .messageTooLong,
            "message \(message) would have more than \(maximumMessageByteCount) bytes of text, "
                + "complete it and open another one"
        )
    }

    /// Why an event of this type cannot name a run at all.
    func problemForUnknownRun(_ payload: EventPayload) -> String {
        if case .unknown(let event) = payload {
            return "\(event.typeName) is not a type of this version's catalogue, it can be read but not emitted"
        }
        return "\(payload.typeName) belongs to the thread and must not name a run"
    }

    var stateInWords: String {
        let words =
            switch state {
            case .notStarted: "not started"
            case .queued: "queued"
            case .running: "running"
            case .paused: "paused"
            case .ended: "ended"
            }
        return work.isEmpty ? words : "\(words), open: \(openWorkInWords)"
    }

    /// The refusal of whatever would happen in a run that has ended.
    static func violationOfEndedRun(_ run: RunID, _ payload: EventPayload) -> OrderViolation {
        RunStateMachine(run: run, policy: .standard, maximumMessageByteCount: 0, state: .ended)
            .violation(payload, .alreadyEnded, problemOfEndedRun)
    }

    /// The refusal of what is done in a run that its process has let go of. The run is open, but not for this attempt.
    static func violationOfDetachedRun(_ run: RunID, _ payload: EventPayload) -> OrderViolation {
        RunStateMachine(run: run, policy: .standard, maximumMessageByteCount: 0, state: .ended)
            .violation(
                payload, .alreadyEnded,
                "this attempt of the run has ended with its process, another one continues the run")
    }

    static let problemOfEndedRun = "the run has ended, nothing follows its terminal event"

    /// The open items by name, in the order in which they were opened.
    var openWorkInWords: String {
        let items = work.items
        var words = items.prefix(Self.maximumListedItems).map(\.description).joined(separator: ", ")
        if items.count > Self.maximumListedItems { words += " and \(items.count - Self.maximumListedItems) more" }
        return words
    }

    /// Whether some event of the type would be accepted in this state.
    func accepts(_ type: EventType) -> Bool {
        switch state {
        case .notStarted: type.beginsRun
        case .queued: type == .agentStarted || type == .agentFailed || type == .agentCancelled
        case .running: acceptsRunning(type)
        case .paused: acceptsPaused(type)
        case .ended: false
        }
    }

    private func acceptsRunning(_ type: EventType) -> Bool {
        switch type {
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .approvalRequested,
            .usageReported, .agentPaused, .agentFailed, .agentCancelled, .custom:
            true
        case .toolExecuting: allowsTools
        case .toolProgress, .toolCompleted: !work.calls.isEmpty
        case .approvalResolved: !work.approvals.isEmpty
        case .agentCompleted: work.isEmpty && allowsCompletion
        case .agentQueued, .agentStarted, .agentResumed, .userMessage, .stateUpdated: false
        }
    }

    private func acceptsPaused(_ type: EventType) -> Bool {
        switch type {
        case .toolProgress, .toolCompleted: !work.calls.isEmpty
        case .approvalResolved: !work.approvals.isEmpty
        case .usageReported, .agentResumed, .agentFailed, .agentCancelled: true
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .approvalRequested, .agentPaused, .agentCompleted, .userMessage,
            .stateUpdated, .custom:
            false
        }
    }
}
