/// The order of a thread's events: the runs that are open, how they hang together, and the run ids that are used.
///
/// It decides and changes itself, and nothing else: no clock, no ids made up, no input or output. A rejected event
/// leaves it as it was (I4).
package struct ThreadStateMachine: Sendable {
    package enum ReceiveAction: Hashable, Sendable {
        case accept(Acceptance)
        case reject(OrderViolation)
    }

    /// What is to be logged for an accepted event.
    package struct Acceptance: Hashable, Sendable {
        /// Events that close what is open, to be logged before the accepted event, in this order: innermost first.
        /// Empty for all types but `agent_failed` and `agent_cancelled`.
        package var closing: [ClosingEvent]
        /// The agent of the run the event belongs to; `nil` for an event of the thread.
        package var agent: AgentName?

        package init(closing: [ClosingEvent], agent: AgentName?) {
            self.closing = closing
            self.agent = agent
        }
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

    private struct OpenRun: Sendable {
        /// Its place in the order in which runs started.
        var ordinal: Int
        var machine: RunStateMachine
    }

    private let policy: OrderPolicy
    private let maximumMessageByteCount: Int
    private var runs: [RunID: OpenRun] = [:]
    private var usedRuns: Set<RunID>
    private var nextOrdinal = 0
    /// Whether a fragment has ever ended with half of a character, since the thread was rebuilt.
    private(set) var hasHeldHalves = false

    /// - Parameters:
    ///   - policy: how strictly the order is checked.
    ///   - usedRuns: the ids of all runs that the thread ever had, ended or not.
    ///   - maximumMessageByteCount: the longest text that the fragments of one message may add up to, in bytes as it stands
    ///     in JSON.
    package init(policy: OrderPolicy, usedRuns: Set<RunID> = [], maximumMessageByteCount: Int = 960 * 1024) {
        self.policy = policy
        self.usedRuns = usedRuns
        self.maximumMessageByteCount = maximumMessageByteCount
    }

    /// Decides on one event.
    ///
    /// - Parameters:
    ///   - run: the run that the event names; `nil` for an event of the thread.
    ///   - agent: the agent that the event names; needed with `agent_started`, and else `nil` or the run's.
    ///   - payload: what happened, as it is to be logged (``resolved(_:at:)``).
    ///   - half: the first half of a character, with which a `message_delta` ended.
    ///   - time: the time that the event will carry; the durations of closing events end there.
    package mutating func receive(
        run: RunID?,
        agent: AgentName?,
        payload: EventPayload,
        half: UInt16? = nil,
        at time: Timestamp
    ) -> ReceiveAction {
        guard let run else { return receiveOfThread(agent: agent, payload: payload) }
        // One look-up, and the run changes in place: this is the path of nearly every event.
        guard let index = runs.index(forKey: run) else {
            return receiveOfNewRun(run, agent: agent, payload: payload, at: time)
        }
        switch runs.values[index].machine.receive(payload, half: half, agent: agent, at: time) {
        case .accept(let agent):
            if half != nil { hasHeldHalves = true }
            return .accept(Acceptance(closing: [], agent: agent))
        case .end(let open):
            let ended = runs.remove(at: index).value.machine
            if let parent = ended.parent { runs[parent]?.machine.endChild(run) }
            return .accept(Acceptance(closing: close(open, of: ended, by: payload, at: time), agent: ended.agent))
        case .reject(let violation):
            return .reject(violation)
        }
    }

    private func receiveOfThread(agent: AgentName?, payload: EventPayload) -> ReceiveAction {
        switch payload {
        case .userMessage, .stateUpdated, .custom:
            guard let agent else { return .accept(Acceptance(closing: [], agent: nil)) }
            return .reject(violationOfThread(payload, .agentMismatch, "the event names the agent \(agent) but no run"))
        case .unknown(let event):
            let problem = "\(event.typeName) is not a type of this version's catalogue, it can be read but not emitted"
            return .reject(violationOfThread(payload, .notStarted, problem))
        case .agentStarted, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .agentPaused, .agentResumed,
            .agentCompleted, .agentFailed, .agentCancelled:
            let problem = "\(payload.typeName) names no run"
            return .reject(violationOfThread(payload, .notStarted, problem))
        }
    }

    private func violationOfThread(_ payload: EventPayload, _ rule: OrderRule, _ problem: String) -> OrderViolation {
        OrderViolation(
            rule: rule,
            eventType: payload.typeName,
            run: nil,
            state: "no run is named",
            problem: problem,
            legal: [EventType.userMessage, .stateUpdated, .custom].map(\.rawValue)
        )
    }

    /// An event that names a run which is not open.
    private mutating func receiveOfNewRun(
        _ run: RunID,
        agent: AgentName?,
        payload: EventPayload,
        at time: Timestamp
    ) -> ReceiveAction {
        var machine = RunStateMachine(
            run: run,
            policy: policy,
            maximumMessageByteCount: maximumMessageByteCount,
            state: usedRuns.contains(run) ? .ended : .notStarted
        )
        if case .agentStarted(let started) = payload, machine.state == .notStarted,
            let violation = parentViolation(started, machine, payload)
        {
            return .reject(violation)
        }
        switch machine.receive(payload, agent: agent, at: time) {
        case .accept(let agent):
            insert(machine)
            return .accept(Acceptance(closing: [], agent: agent))
        case .end:
            preconditionFailure("a run that is not open does not end")
        case .reject(let violation):
            return .reject(violation)
        }
    }

    /// Why a run cannot start under the parent it names; `nil` when it can, or names none.
    private func parentViolation(
        _ started: AgentStarted,
        _ child: RunStateMachine,
        _ payload: EventPayload
    ) -> OrderViolation? {
        guard let parentRun = started.parentRun else {
            guard let call = started.parentCall else { return nil }
            let problem = "the parent's call \(call) is named, but no parent run"
            return child.violation(payload, .parentNotOpen, problem)
        }
        guard let parent = runs[parentRun]?.machine else {
            return child.violation(payload, .parentNotOpen, "the parent run \(parentRun) is not open")
        }
        switch parent.state {
        case .running:
            guard let call = started.parentCall, !parent.work.calls.isOpen(call) else { return nil }
            return child.violation(payload, .callNotOpen, "call \(call) is not open in the parent run \(parentRun)")
        case .paused:
            let problem = "the parent run \(parentRun) is paused, no child starts under it until it is resumed"
            return child.violation(payload, .paused, problem)
        case .notStarted, .ended:
            preconditionFailure("an open run is running or paused")
        }
    }

    private mutating func insert(_ machine: RunStateMachine) {
        if let parent = machine.parent { runs[parent]?.machine.startChild(machine.run) }
        runs[machine.run] = OpenRun(ordinal: nextOrdinal, machine: machine)
        usedRuns.insert(machine.run)
        nextOrdinal += 1
    }

    /// Ends what was open in a run that has ended, child runs and what is open in them included.
    private mutating func close(
        _ open: [OpenItem],
        of ended: RunStateMachine,
        by payload: EventPayload,
        at time: Timestamp
    ) -> [ClosingEvent] {
        guard !open.isEmpty else { return [] }
        var sequence = ClosingSequence(ended: ended, open: open, by: payload, at: time)
        while let child = sequence.nextChild() {
            guard let machine = runs.removeValue(forKey: child)?.machine else { continue }
            sequence.enter(machine)
        }
        return sequence.events
    }

    /// Replays a logged event while a thread is rebuilt.
    ///
    /// Nothing is checked, and nothing can fail: the event was accepted once. Events of runs that did not start in the
    /// replayed part are ignored, but for their run's id, which is used.
    package mutating func restore(_ event: AgentEvent) {
        guard let run = event.run else { return }
        guard let index = runs.index(forKey: run) else {
            usedRuns.insert(run)
            guard case .agentStarted(let started) = event.payload, let agent = event.agent else { return }
            var machine = RunStateMachine(
                run: run,
                policy: policy,
                maximumMessageByteCount: maximumMessageByteCount
            )
            machine.start(agent: agent, parent: started.parentRun, at: event.time)
            insert(machine)
            return
        }
        guard event.type?.endsRun == true else {
            runs.values[index].machine.restore(event.payload, at: event.time)
            return
        }
        let ended = runs.remove(at: index).value.machine
        if let parent = ended.parent { runs[parent]?.machine.endChild(run) }
    }
}

extension ThreadStateMachine {
    /// The open runs, in the order in which they started.
    package var openRuns: [RunID] {
        runs.sorted { $0.value.ordinal < $1.value.ordinal }.map(\.key)
    }

    /// The open runs without an open parent, in the order in which they started.
    package var openRootRuns: [RunID] {
        openRuns.filter { run in
            guard let parent = runs[run]?.machine.parent else { return true }
            return !isOpen(parent)
        }
    }

    package func isOpen(_ run: RunID) -> Bool { runs.index(forKey: run) != nil }

    /// When an open run started; `nil` when it is not open.
    package func startTime(of run: RunID) -> Timestamp? { runs[run]?.machine.startTime }

    /// The agent of an open run; `nil` when it is not open.
    package func agent(of run: RunID) -> AgentName? { runs[run]?.machine.agent }

    /// The text that the fragments of an open message add up to; `nil` when the message or the run is not open.
    package func openMessageText(_ message: MessageID, in run: RunID) -> String? {
        runs[run]?.machine.work.messages[message]?.closedText
    }

    /// An open message; `nil` when it or the run is not open.
    func openMessage(_ message: MessageID, in run: RunID) -> OpenMessage? { runs[run]?.machine.work.messages[message] }

    /// When an open call started; `nil` when the call or the run is not open.
    package func openedTime(ofCall call: CallID, in run: RunID) -> Timestamp? {
        runs[run]?.machine.work.calls[call]?.time
    }
}

extension ThreadStateMachine: Equatable {
    /// Whether two machines decide alike from now on.
    package static func == (one: Self, other: Self) -> Bool {
        guard one.policy == other.policy, one.maximumMessageByteCount == other.maximumMessageByteCount,
            one.usedRuns == other.usedRuns
        else { return false }
        let openRuns = one.openRuns
        return openRuns == other.openRuns && openRuns.allSatisfy { one.runs[$0]?.machine == other.runs[$0]?.machine }
    }
}
