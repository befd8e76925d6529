/// The events that end what is open in a run because the run itself ends, innermost first: a request for approval is
/// `cancelled`; a call is `cancelled`, and its error says whether its body had begun (`tool.abandoned`), waited for its
/// approval (`tool.not_started`), or went with its process (`tool.lost`); a message is completed with what it has.
///
/// Child runs may be nested as deep as a thread is long, so this walks with a stack of its own.
struct ClosingSequence {
    /// A run on the way from the one that ends to the innermost open item.
    private struct Level {
        let machine: RunStateMachine
        /// The items that are still open in it; the first element is closed next.
        var open: ArraySlice<OpenItem>
        /// The calls that wait for their approval.
        let unbegunCalls: Set<CallID>
        /// The reason in `agent_cancelled` of its child runs.
        let reasonOfChildren: String

        init(_ machine: RunStateMachine, open: [OpenItem], reasonOfChildren: String) {
            self.machine = machine
            self.open = open[...]
            unbegunCalls = machine.work.unbegunCalls
            self.reasonOfChildren = reasonOfChildren
        }
    }

    private(set) var events: [ThreadStateMachine.ClosingEvent] = []
    private var levels: [Level]
    private let time: Timestamp
    /// The error of calls whose body had begun.
    private let failureOfCalls: ToolFailure

    /// - Parameters:
    ///   - ended: the run that ends; its own terminal event is not part of the sequence.
    ///   - open: what was open in it, innermost first.
    ///   - payload: its terminal event.
    init(ended: RunStateMachine, open: [OpenItem], by payload: EventPayload, at time: Timestamp) {
        let reason: String
        if case .agentFailed(let failed) = payload {
            reason = "parent run failed"
            failureOfCalls = failed.error.isLost ? .lost : .abandoned
        } else {
            reason = "parent run cancelled"
            failureOfCalls = .abandoned
        }
        levels = [Level(ended, open: open, reasonOfChildren: reason)]
        self.time = time
    }

    /// Closes items up to the next child run, which the caller looks up and gives to ``enter(_:)``.
    ///
    /// - Returns: `nil` when everything is closed.
    mutating func nextChild() -> RunID? {
        while let last = levels.indices.last {
            guard let item = levels[last].open.popFirst() else {
                closeLevel()
                continue
            }
            if let payload = closingPayload(of: item, unbegun: levels[last].unbegunCalls) {
                append(payload, to: levels[last].machine)
            }
            if case .child(let run) = item { return run }
        }
        return nil
    }

    /// Goes on with what is open in a child run.
    mutating func enter(_ child: RunStateMachine) {
        levels.append(Level(child, open: child.openFromTheTop, reasonOfChildren: "parent run cancelled"))
    }

    private mutating func closeLevel() {
        let level = levels.removeLast()
        guard let parent = levels.last, let startTime = level.machine.startTime else { return }
        let cancelled = AgentCancelled(
            reason: parent.reasonOfChildren,
            durationMilliseconds: time.milliseconds(since: startTime)
        )
        append(.agentCancelled(cancelled), to: level.machine)
    }

    private mutating func append(_ payload: EventPayload, to machine: RunStateMachine) {
        guard let agent = machine.agent else { preconditionFailure("a run that was open has an agent") }
        events.append(ThreadStateMachine.ClosingEvent(run: machine.run, agent: agent, payload: payload))
    }

    /// The event that ends an item; `nil` for a child run, which ends after what is open in it.
    private func closingPayload(of item: OpenItem, unbegun: Set<CallID>) -> EventPayload? {
        switch item {
        case .call(let call, let open):
            .toolCompleted(
                ToolCompleted(
                    callID: call,
                    tool: open.tool,
                    status: .cancelled,
                    error: unbegun.contains(call) ? .notStarted : failureOfCalls,
                    durationMilliseconds: time.milliseconds(since: open.time)
                )
            )
        case .message(let message, let text):
            .messageCompleted(MessageCompleted(messageID: message, text: text))
        case .approval(let approval, call: _):
            .approvalResolved(ApprovalResolved(approvalID: approval, decision: .cancelled))
        case .child:
            nil
        }
    }
}
