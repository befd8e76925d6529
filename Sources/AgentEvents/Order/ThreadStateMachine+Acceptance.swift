// What a thread says to an event.

extension ThreadStateMachine {
    package enum CheckAction: Hashable, Sendable {
        case accept(Acceptance)
        case reject(OrderViolation)
        /// The run that the event names is not open. Look up in the log whether one of this id was there before;
        /// then check the event again, with the answer.
        case lookUp(RunID)
    }

    /// The entries to log for an event that was accepted, and its changes. It is valid until another is applied.
    ///
    /// It does not repeat the draft: a payload is large, and one more copy of it would be a tenth of an event's cost.
    package struct Acceptance: Hashable, Sendable {
        /// The agent of the run the event belongs to; `nil` for an event of the thread.
        package let agent: AgentName?
        /// The payload to log in the place of the draft's; `nil` when that stays as it is.
        let resolved: Resolved?
        /// Events that close what is open, to be logged before the accepted event, in this order: innermost first.
        /// Empty for all types but `agent_failed` and `agent_cancelled`.
        package let closing: [ClosingEvent]
        let change: Change
        let host: RunHost
        let time: Timestamp

        /// The payload to log.
        ///
        /// - Parameter draft: the one that was accepted.
        package func payload(of draft: EventDraft) -> EventPayload {
            if case .payload(let payload)? = resolved { payload } else { draft.payload }
        }

        /// Whether a run ends with it.
        package var endsRun: Bool {
            if case .end = change { true } else { false }
        }

        /// The run under way that is given the message; `nil` for another event.
        package var receiver: RunID? {
            if case .give(let run) = change { run } else { nil }
        }
    }

    indirect enum Resolved: Hashable, Sendable {
        case payload(EventPayload)
    }

    enum Change: Hashable, Sendable {
        case nothing
        /// A value of the thread's context is changed.
        case update
        case queue
        case start
        case startQueued(place: Int)
        /// A message is given to a run under way.
        case give(RunID)
        case event(place: Int, half: UInt16?, byteCount: Int)
        case end(place: Int)
    }

    /// An event that ends something because the run around it ends.
    package struct ClosingEvent: Hashable, Sendable {
        package var run: RunID
        package var agent: AgentName
        package var payload: EventPayload

        package init(run: RunID, agent: AgentName, payload: EventPayload) {
            self.run = run
            self.agent = agent
            self.payload = payload
        }
    }

    /// Decides on an event of the thread itself, which every thread does alike.
    func checkOfThread(_ draft: EventDraft, _ host: RunHost, _ time: Timestamp) -> CheckAction {
        let payload = draft.payload
        switch payload {
        case .userMessage, .stateUpdated, .custom:
            if let problem = problemOfGiving(payload) {
                return .reject(violationOfThread(payload, .workOpen, problem))
            }
            guard let agent = draft.agent else {
                return .accept(
                    Acceptance(
                        agent: nil, resolved: nil, closing: [], change: changeOfThread(payload), host: host, time: time)
                )
            }
            return .reject(violationOfThread(payload, .agentMismatch, "the event names the agent \(agent) but no run"))
        case .unknown(let event):
            let problem = "\(event.typeName) is not a type of this version's catalogue, it can be read but not emitted"
            return .reject(violationOfThread(payload, .notStarted, problem))
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved,
            .usageReported, .agentPaused, .agentResumed, .agentCompleted, .agentFailed, .agentCancelled:
            let problem = "\(payload.typeName) names no run"
            return .reject(violationOfThread(payload, .notStarted, problem))
        }
    }

    private func changeOfThread(_ payload: EventPayload) -> Change {
        if case .stateUpdated = payload { return .update }
        guard case .userMessage(let message) = payload, let run = message.givenTo, takesInput(run),
            !has(run, message.messageID)
        else { return .nothing }
        return .give(run)
    }

    /// Why a run is not given a message: what it leaves when it ends has to fit into one event.
    private func problemOfGiving(_ payload: EventPayload) -> String? {
        guard case .userMessage(let message) = payload, let run = message.givenTo, takesInput(run),
            inputs(of: run).count >= MessageList.maximumCount, !has(run, message.messageID)
        else { return nil }
        return
            "the run \(run) has \(MessageList.maximumCount) messages that it has not taken: it is given further ones "
            + "once it has (input_taken)"
    }

    private func violationOfThread(_ payload: EventPayload, _ rule: OrderRule, _ problem: String) -> OrderViolation {
        OrderViolation(
            rule: rule,
            eventType: payload.typeName,
            runID: nil,
            state: "no run is named",
            problem: problem,
            legal: [EventType.userMessage, .stateUpdated, .custom].map(\.rawValue)
        )
    }
}
