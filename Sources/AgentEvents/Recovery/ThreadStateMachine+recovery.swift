// The runs of a thread as those see them who take them up, or leave them.

extension ThreadStateMachine {
    /// An open run that this process hosts, or one before it, with what is open below it; `nil` when it is not open.
    package func recoverable(_ id: RunID) -> RunRecovery.Run? {
        let entries = runs.inOrder
        let statuses = Dictionary(uniqueKeysWithValues: occupancy.runs.map { ($0.id, $0.status) })
        var trees: [RunID: RunRecovery.Run] = [:]
        // The children of a run come after it.
        for entry in entries.reversed() {
            let machine = entry.machine
            guard let agent = machine.agent, let status = statuses[machine.run] else { continue }
            var run = RunRecovery.Run(
                machine.run, agent: agent, RunRecovery.Status(status, isLost: machine.attempts.isLost))
            run.attempt = machine.attempts.number
            run.handedOverCount = machine.attempts.handedOverCount
            run.attemptTime = machine.attempts.isHandedOver ? nil : machine.attempts.began
            run.messages = machine.work.openMessages
            run.calls = machine.work.openCalls
            run.parentCall = machine.parentCall
            run.children = entries.compactMap { child in
                child.machine.parent == machine.run ? trees[child.machine.run] : nil
            }
            trees[machine.run] = run
        }
        return trees[id]
    }

    /// The runs that this process hosts, or hosted, and that are open without a parent of the kind: those that are decided
    /// on. The others go with these.
    ///
    /// - Parameter runs: the runs to choose from.
    package func tops(of runs: [RunID]) -> [RunID] {
        let all = Set(runs)
        return runs.filter { run in
            guard isOpen(run) else { return false }
            return !(parent(of: run).map { all.contains($0) && isOpen($0) } ?? false)
        }
    }

    /// The events of steps.
    ///
    /// - Parameter cause: the end of the process.
    package func drafts(of steps: [RunRecovery.Step], _ cause: RunRecovery.Cause) -> [EventDraft] {
        steps.map { step in
            switch step {
            case .endChild(let run):
                let cancelled = AgentCancelled(reason: RestartReason.processLost, durationMilliseconds: 0)
                return .measured(run, .agentCancelled(cancelled))
            case .interrupt(let message, let run):
                return interruption(of: message, in: run)
            case .closeCall(let call, let tool, let run, let refusal):
                let completed = ToolCompleted(
                    callID: call, tool: tool, status: refusal == nil ? .failed : .denied,
                    error: refusal.map { ToolFailure(refusedAs: $0) } ?? .lost, durationMilliseconds: 0)
                return .measured(run, .toolCompleted(completed))
            case .pause(let run):
                let isHandedOver = cause == .shutdown
                return EventDraft(
                    runID: run,
                    .agentPaused(AgentPaused(reason: RestartReason.processLost, isHandedOver: isHandedOver)))
            }
        }
    }

    private func interruption(of message: MessageID, in run: RunID) -> EventDraft {
        let completed = MessageCompleted(
            messageID: message, text: openMessageText(message, in: run) ?? "", isInterrupted: true)
        return EventDraft(runID: run, .messageCompleted(completed))
    }

    /// A run and those below it that are open, each parent before its children.
    func tree(of root: RunID) -> [RunID] { occupancy.tree(of: root).map(\.id) }

    // MARK: Taking up

    /// What a process does about a run that stayed open when another one was lost.
    package enum Resumption: Hashable, Sendable {
        /// It has ended.
        case gone
        /// A person has to answer first, or to resume it.
        case wait
        /// The last attempt began a short while ago.
        case notBefore(Timestamp)
        /// Work for it, after these events.
        case begin([EventDraft])
    }

    /// Decides if a run can be taken up, for which nobody works.
    package func resumption(of root: RunID, at time: Timestamp) -> Resumption {
        guard let run = recoverable(root) else { return .gone }
        switch run.status {
        case .queued:
            return .gone
        case .waiting, .paused:
            return .wait
        case .lost:
            let next = run.attemptTime?.advanced(byMilliseconds: RunRecovery.intervalMilliseconds) ?? time
            guard next <= time else { return .notBefore(next) }
            return .begin(
                lostRuns(in: run).map { run in
                    EventDraft(runID: run, .agentResumed(AgentResumed(reason: RestartReason.restarted)))
                })
        case .running:
            return .begin(brokenMessages(in: run))
        }
    }

    /// The ends of the messages that are open when a run is continued. One that was paused in the middle of a message has lost
    /// the rest of it. One that was only answered had said what it had to say when it asked.
    private func brokenMessages(in run: RunRecovery.Run) -> [EventDraft] {
        let hasOnlyAsked = runs.place(of: run.id).map { runs.motion(at: $0) == .asks } ?? true
        return hasOnlyAsked ? [] : interruptions(in: run)
    }

    /// The events with which a process leaves a run that it has not taken up, and that could be by now: nothing of it has
    /// begun, so nothing is closed.
    func pauses(ofParked root: RunID) -> [EventDraft] {
        guard let run = recoverable(root), run.status == .running else { return [] }
        let working = occupancy.tree(of: root).reversed().filter { $0.status != .paused }
        return brokenMessages(in: run)
            + working.map { EventDraft(runID: $0.id, .agentPaused(.handedOver)) }
    }

    /// The reverse of the pauses: outermost first.
    private func lostRuns(in run: RunRecovery.Run) -> [RunID] {
        (run.status == .lost ? [run.id] : []) + run.children.flatMap { lostRuns(in: $0) }
    }

    private func interruptions(in run: RunRecovery.Run) -> [EventDraft] {
        let below = run.children.flatMap { interruptions(in: $0) }
        guard run.status == .running else { return below }
        return below + run.messages.map { interruption(of: $0, in: run.id) }
    }
}

extension RunRecovery.Status {
    fileprivate init(_ status: CommandDetails.Status, isLost: Bool) {
        switch status {
        case .queued: self = .queued
        case .running: self = .running
        case .waiting: self = .waiting
        case .paused: self = isLost ? .lost : .paused
        case .completed, .failed, .cancelled: preconditionFailure("an open run has not ended")
        }
    }
}

extension OpenWork {
    /// The open messages, in the order in which they were opened.
    var openMessages: [MessageID] {
        messages.entries.sorted { $0.value.ordinal < $1.value.ordinal }.map(\.key)
    }

    /// The open calls, in the order in which they were opened.
    fileprivate var openCalls: [RunRecovery.Call] {
        let asked = unbegunCalls
        return calls.entries.sorted { $0.value.ordinal < $1.value.ordinal }.map { id, entry in
            let call = entry.item
            let status: RunRecovery.Call.Status
            if call.isHeld {
                status = .held
            } else if call.hasBegun {
                status = .working
            } else if asked.contains(id) {
                status = .asked
            } else {
                status = call.refusal.map { .refused($0) } ?? .working
            }
            return RunRecovery.Call(id, tool: call.tool, status)
        }
    }
}

extension ToolFailure {
    /// The error of a call that was not approved.
    fileprivate init(refusedAs decision: ApprovalDecision) {
        switch decision {
        case .denied: self = .approvalDenied
        case .expired: self = .approvalExpired
        case .cancelled, .approved:
            self.init(
                code: "approval.\(ApprovalDecision.cancelled.rawValue)",
                message: "the request for approval was taken back; the call did not begin")
        }
    }
}
