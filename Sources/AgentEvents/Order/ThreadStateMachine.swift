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

    private struct Entry: Sendable, Equatable {
        /// Its place in the order in which runs started.
        var ordinal: Int
        let host: RunHost
        /// How long nothing may come for the tree of runs that it is in, in milliseconds; `nil` for as long as it likes.
        let idleMilliseconds: Int64?
        var machine: RunStateMachine
        /// When the last event of the run was, or of a child run that has ended.
        var lastTime: Timestamp

        mutating func receive(
            _ payload: EventPayload,
            half: UInt16?,
            agent: AgentName?,
            at time: Timestamp
        ) -> RunStateMachine.ReceiveAction {
            let action = machine.receive(payload, half: half, agent: agent, at: time)
            if case .reject = action { return action }
            lastTime = time
            return action
        }
    }

    private let policy: OrderPolicy
    private let maximumMessageByteCount: Int
    private let idleMilliseconds: Int64?
    private var runs: [RunID: Entry] = [:]
    private var usedRuns: Set<RunID>
    private var nextOrdinal = 0
    /// Whether a fragment has ever ended with half of a character, since the thread was rebuilt.
    private(set) var hasHeldHalves = false
    /// Nothing is overdue before. What is due later than it was keeps this time until ``takeOverdue(at:)`` looks, so that
    /// an event costs no search.
    package private(set) var deadline = Self.never

    /// A deadline that never comes.
    package static var never: Timestamp { Timestamp(milliseconds: .max) }

    /// - Parameters:
    ///   - policy: how strictly the order is checked.
    ///   - usedRuns: the ids of all runs that the thread ever had, ended or not.
    ///   - maximumMessageByteCount: the longest text that the fragments of one message may add up to, in bytes as it stands
    ///     in JSON.
    ///   - idleMilliseconds: how long nothing may come for a run that is hosted outside and does not ask for a time of its
    ///     own; `nil` when no run is ended because nothing comes.
    package init(
        policy: OrderPolicy,
        usedRuns: Set<RunID> = [],
        maximumMessageByteCount: Int = 960 * 1024,
        idleMilliseconds: Int64? = nil
    ) {
        self.policy = policy
        self.usedRuns = usedRuns
        self.maximumMessageByteCount = maximumMessageByteCount
        self.idleMilliseconds = idleMilliseconds
    }

    /// Decides on one event.
    ///
    /// - Parameters:
    ///   - run: the run that the event names; `nil` for an event of the thread.
    ///   - agent: the agent that the event names; needed with `agent_started`, and else `nil` or the run's.
    ///   - payload: what happened, as it is to be logged (``resolved(_:at:)``).
    ///   - half: the first half of a character, with which a `message_delta` ended.
    ///   - host: who hosts the run that the event starts.
    ///   - time: the time that the event will carry; the durations of closing events end there.
    package mutating func receive(
        run: RunID?,
        agent: AgentName?,
        payload: EventPayload,
        half: UInt16? = nil,
        host: RunHost = .process,
        at time: Timestamp
    ) -> ReceiveAction {
        guard let run else { return receiveOfThread(agent: agent, payload: payload) }
        // One look-up, and the run changes in place: this is the path of nearly every event.
        guard let index = runs.index(forKey: run) else {
            return receiveOfNewRun(run, agent: agent, payload: payload, host: host, at: time)
        }
        switch runs.values[index].receive(payload, half: half, agent: agent, at: time) {
        case .accept(let agent):
            if half != nil { hasHeldHalves = true }
            noteDeadline(by: payload, ofRunAt: index, at: time)
            return .accept(Acceptance(closing: [], agent: agent))
        case .end(let open):
            let ended = runs.remove(at: index).value.machine
            let closing = close(open, of: ended, by: payload, at: time)
            didEnd(ended, at: time)
            return .accept(Acceptance(closing: closing, agent: ended.agent))
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
        host: RunHost,
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
            insert(machine, host, payload, at: time)
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

    private mutating func insert(
        _ machine: RunStateMachine,
        _ host: RunHost,
        _ payload: EventPayload,
        at time: Timestamp
    ) {
        let parent = machine.parent.flatMap { runs.index(forKey: $0) }
        if let parent { runs.values[parent].machine.startChild(machine.run) }
        // A tree of runs is as patient as its root.
        let idleMilliseconds = parent.map { runs.values[$0].idleMilliseconds } ?? ownIdleMilliseconds(host, payload)
        runs[machine.run] = Entry(
            ordinal: nextOrdinal, host: host, idleMilliseconds: idleMilliseconds, machine: machine, lastTime: time)
        usedRuns.insert(machine.run)
        nextOrdinal += 1
        noteIdle(idleMilliseconds, at: time)
    }

    /// How long nothing may come for a root run.
    private func ownIdleMilliseconds(_ host: RunHost, _ payload: EventPayload) -> Int64? {
        guard host == .outside, let idleMilliseconds else { return nil }
        guard case .agentStarted(let started) = payload else { return idleMilliseconds }
        return started.idleTimeoutMilliseconds ?? idleMilliseconds
    }

    /// A run was taken away, and what was open in it.
    private mutating func didEnd(_ ended: RunStateMachine, at time: Timestamp) {
        guard let parent = ended.parent, let index = runs.index(forKey: parent) else {
            if runs.isEmpty { deadline = Self.never }
            return
        }
        runs.values[index].machine.endChild(ended.run)
        runs.values[index].lastTime = time
        // What was open in the child may have stopped the clock.
        noteIdle(runs.values[index].idleMilliseconds, at: time)
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
    ///
    /// - Parameter host: who hosts the run that the event starts.
    package mutating func restore(_ event: AgentEvent, host: RunHost = .process) {
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
            insert(machine, host, event.payload, at: event.time)
            return
        }
        guard event.type?.endsRun == true else {
            runs.values[index].machine.restore(event.payload, at: event.time)
            runs.values[index].lastTime = event.time
            noteDeadline(by: event.payload, ofRunAt: index, at: event.time)
            return
        }
        let ended = runs.remove(at: index).value.machine
        didEnd(ended, at: event.time)
    }
}

extension ThreadStateMachine {
    /// The open runs, in the order in which they started.
    package var openRuns: [RunID] {
        runs.sorted { $0.value.ordinal < $1.value.ordinal }.map(\.key)
    }

    /// The open runs that this process hosts, in the order in which they started: each parent before its children.
    package var openHostedRuns: [RunID] { openRuns.filter { runs[$0]?.host == .process } }

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

    /// Whether an open message waits with half of a character.
    var holdsHalf: Bool {
        runs.values.contains { $0.machine.work.messages.entries.values.contains { $0.item.half != nil } }
    }

    /// An open message; `nil` when it or the run is not open.
    func openMessage(_ message: MessageID, in run: RunID) -> OpenMessage? { runs[run]?.machine.work.messages[message] }

    /// When an open call started; `nil` when the call or the run is not open.
    package func openedTime(ofCall call: CallID, in run: RunID) -> Timestamp? {
        runs[run]?.machine.work.calls[call]?.time
    }
}

// MARK: Time

extension ThreadStateMachine {
    /// Something that ends because its time is over.
    package enum Overdue: Hashable, Sendable {
        /// A request for approval has expired.
        case approval(ApprovalID, run: RunID)
        /// For so long, in milliseconds, nothing has come for a tree of runs whose root is hosted outside.
        case idle(root: RunID, milliseconds: Int64)
    }

    /// A root run that is hosted outside, with the runs below it.
    private struct Tree {
        var root: RunID
        var idleMilliseconds: Int64
        /// When the last event of any of its runs was.
        var lastTime: Timestamp
        /// Whether it waits for a person: an approval is open somewhere, or a run is paused. Then its clock does not run.
        var waits: Bool
    }

    /// What is overdue, approvals first. The caller logs its end at once, and asks no second time.
    package mutating func takeOverdue(at time: Timestamp) -> [Overdue] {
        guard deadline <= time else { return [] }
        var overdue: [Overdue] = []
        var next = Self.never
        for run in openRuns {
            for (approval, expiresAt) in runs[run]?.machine.work.expiringApprovals ?? [] {
                if expiresAt <= time {
                    overdue.append(.approval(approval, run: run))
                } else {
                    next = min(next, expiresAt)
                }
            }
        }
        for tree in trees where !tree.waits {
            let end = tree.lastTime.advanced(byMilliseconds: tree.idleMilliseconds)
            if end <= time {
                overdue.append(.idle(root: tree.root, milliseconds: tree.idleMilliseconds))
            } else {
                next = min(next, end)
            }
        }
        deadline = next
        return overdue
    }

    /// What was taken as overdue at a time was not ended, and is to be taken again.
    package mutating func lookAgain(at time: Timestamp) { deadline = min(deadline, time) }

    /// Whether something came for a run that is hosted outside at a time or later, and more is to be expected.
    package func isEmittedTo(since time: Timestamp) -> Bool {
        trees.contains { !$0.waits && $0.lastTime >= time }
    }

    /// In the order in which the roots started.
    private var trees: [Tree] {
        var trees: [Tree] = []
        var places: [RunID: Int] = [:]
        // Each parent before its children.
        for run in openRuns {
            guard let entry = runs[run], let idleMilliseconds = entry.idleMilliseconds else { continue }
            let waits = entry.machine.state == .paused || !entry.machine.work.approvals.isEmpty
            if let place = entry.machine.parent.flatMap({ places[$0] }) {
                places[run] = place
                trees[place].lastTime = max(trees[place].lastTime, entry.lastTime)
                trees[place].waits = trees[place].waits || waits
            } else {
                places[run] = trees.count
                trees.append(
                    Tree(root: run, idleMilliseconds: idleMilliseconds, lastTime: entry.lastTime, waits: waits))
            }
        }
        return trees
    }

    /// Takes into account what an event makes due. Most events make nothing due earlier than it was, and for these the run
    /// is not read: that would copy it.
    private mutating func noteDeadline(
        by payload: EventPayload,
        ofRunAt index: Dictionary<RunID, Entry>.Index,
        at time: Timestamp
    ) {
        switch payload {
        case .approvalRequested(let requested):
            if let expiresAt = requested.expiresAt { deadline = min(deadline, expiresAt) }
        case .approvalResolved, .agentResumed:
            noteIdle(runs.values[index].idleMilliseconds, at: time)
        case .agentStarted, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress,
            .toolCompleted, .agentPaused, .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated,
            .custom, .unknown:
            break
        }
    }

    private mutating func noteIdle(_ idleMilliseconds: Int64?, at time: Timestamp) {
        guard let idleMilliseconds else { return }
        deadline = min(deadline, time.advanced(byMilliseconds: idleMilliseconds))
    }
}

extension Timestamp {
    /// The time so much later, or the last there is.
    fileprivate func advanced(byMilliseconds count: Int64) -> Timestamp {
        let (sum, isOver) = milliseconds.addingReportingOverflow(count)
        return Timestamp(milliseconds: isOver ? .max : sum)
    }
}

extension ThreadStateMachine: Equatable {
    /// Whether two machines decide alike from now on.
    package static func == (one: Self, other: Self) -> Bool {
        guard one.policy == other.policy, one.maximumMessageByteCount == other.maximumMessageByteCount,
            one.usedRuns == other.usedRuns
        else { return false }
        let openRuns = one.openRuns
        return openRuns == other.openRuns
            && openRuns.allSatisfy { run in
                // Of their places only the order counts.
                var entry = one.runs[run]
                entry?.ordinal = other.runs[run]?.ordinal ?? 0
                return entry == other.runs[run]
            }
    }
}
