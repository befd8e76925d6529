/// The outcome of a command, decided on the open runs that it meets. Nothing is changed by it.
///
/// ```
///                                              ┌── log: these events, all or none
///                          ┌── open ───────────┼── unchanged: it is so already
/// command ── of one run? ──┤                   └── refuse: what the run is does not allow it
///              │           ├── not open, the log does not say yet ── lookUp
///              │           ├── has ended ── unchanged (a stop), refuse
///              │           └── unknown ── refuse
///              └── of all open runs without a parent that began at or before what the sender saw ── log, unchanged
/// ```
///
/// A `stop` is refused for one reason only, a run that was never there: one whose run has ended and that says what its sender
/// saw ends whatever was open by then, since its sender saw it run.
package enum CommandDecision: Hashable, Sendable {
    case log([EventDraft], CommandDetails)
    case unchanged(CommandDetails)
    /// It is so already, because the run has ended: how, the log knows.
    case ended(RunID, CommandDetails)
    case refuse(CommandRefusal)
    /// Only the log knows whether there was a run of this id.
    case lookUp(RunID)
}

/// Why a command is refused.
package enum CommandRefusal: Hashable, Sendable {
    /// There was never a run of this id in the thread.
    case runUnknown(RunID)
    /// The run is queued.
    case runNotStarted(CommandDetails)
    /// The run has ended; `nil` when none was named and none is open.
    case runNotOpen(RunID?)
    /// The run is paused.
    case runPaused(CommandDetails)
    /// The agent of the run takes no commands of the application's own.
    case unsupported(AgentName, CommandDetails)
}

/// The place in the thread up to which the sender of a command had seen it.
package enum CommandFence: Hashable, Sendable {
    /// It does not say: whatever is open now.
    case none
    /// Up to the event of this number.
    case through(UInt64)
    /// Up to an event that the log does not know: whatever is open now. To stop too much is the safe side.
    case unknown

    func includes(_ run: ThreadOccupancy.Run) -> Bool {
        guard case .through(let sequence) = self else { return true }
        // A run whose beginning is not known began long ago.
        return run.began.map { $0.sequence <= sequence } ?? true
    }
}

extension RunCommand {
    /// Decides on the command.
    ///
    /// - Parameters:
    ///   - occupancy: the open runs of the thread.
    ///   - fence: ``asOf``, as the log knows it.
    ///   - isUsed: of a named run that is not open, whether there was one of its id; `nil` when that is not known.
    ///   - takesCustom: whether an agent takes commands of the application's own; asked for runs that this process hosts.
    package func decide(
        on occupancy: ThreadOccupancy,
        fence: CommandFence,
        isUsed: Bool?,
        takesCustom: (AgentName) -> Bool
    ) -> CommandDecision {
        guard let run else { return decide(onAllOf: occupancy, fence, takesCustom) }
        if let open = occupancy.run(run) { return decide(on: open, in: occupancy, takesCustom) }
        guard let isUsed else { return .lookUp(run) }
        guard isUsed else { return .refuse(.runUnknown(run)) }
        guard action == .stop else { return .refuse(.runNotOpen(run)) }
        guard fence != .none else { return .ended(run, details([], in: occupancy, fence)) }
        return decide(onAllOf: occupancy, fence, takesCustom)
    }

    // MARK: One run

    private func decide(
        on run: ThreadOccupancy.Run,
        in occupancy: ThreadOccupancy,
        _ takesCustom: (AgentName) -> Bool
    ) -> CommandDecision {
        let met = details([run], in: occupancy, .none)
        switch action {
        case .stop:
            return .log([cancellation(of: run)], met)
        case .pause:
            guard run.status != .queued else { return .refuse(.runNotStarted(met)) }
            return logged(pauses(of: [run], in: occupancy), met)
        case .resume:
            guard run.status != .queued else { return .refuse(.runNotStarted(met)) }
            return logged(resumptions(of: [run], in: occupancy), met)
        case .custom(let name, let value):
            return decide(onCustom: name, value, run, met, takesCustom)
        }
    }

    private func decide(
        onCustom name: CommandName,
        _ value: JSONValue,
        _ run: ThreadOccupancy.Run,
        _ met: CommandDetails,
        _ takesCustom: (AgentName) -> Bool
    ) -> CommandDecision {
        switch run.status {
        case .queued:
            return .refuse(.runNotStarted(met))
        case .paused:
            return .refuse(.runPaused(met))
        case .running, .waiting:
            // A program outside reads the event like any other.
            guard run.host == .outside || takesCustom(run.agent) else { return .refuse(.unsupported(run.agent, met)) }
            let event = CustomEvent(name: name.rawValue, value: value, by: by)
            return .log([EventDraft(runID: run.id, .custom(event))], met)
        case .completed, .failed, .cancelled:
            preconditionFailure("an open run has not ended")
        }
    }

    // MARK: All runs

    private func decide(
        onAllOf occupancy: ThreadOccupancy,
        _ fence: CommandFence,
        _ takesCustom: (AgentName) -> Bool
    ) -> CommandDecision {
        let targets = occupancy.roots.filter(fence.includes)
        let met = details(targets, in: occupancy, fence)
        let started = targets.filter { $0.status != .queued }
        switch action {
        case .stop:
            return logged(targets.map(cancellation), met)
        case .pause:
            return logged(pauses(of: started, in: occupancy), met)
        case .resume:
            return logged(resumptions(of: started, in: occupancy), met)
        case .custom(let name, let value):
            guard let newest = started.last ?? targets.last else { return .refuse(.runNotOpen(nil)) }
            let met = details([newest], in: occupancy, fence)
            return decide(onCustom: name, value, newest, met, takesCustom)
        }
    }

    // MARK: Events

    private func logged(_ drafts: [EventDraft], _ met: CommandDetails) -> CommandDecision {
        drafts.isEmpty ? .unchanged(met) : .log(drafts, met)
    }

    /// The end of a run; what is open in it, and the runs below it, end with it.
    private func cancellation(of run: ThreadOccupancy.Run) -> EventDraft {
        let reason = reason ?? "stopped"
        return .measured(run.id, .agentCancelled(AgentCancelled(reason: reason, by: by, durationMilliseconds: 0)))
    }

    /// The pauses of runs and all below them, innermost first. One that is paused because its process is gone continues by
    /// itself when it is taken up: it is resumed and paused in one commit, and is paused by a person from then on.
    private func pauses(of roots: [ThreadOccupancy.Run], in occupancy: ThreadOccupancy) -> [EventDraft] {
        let trees = roots.flatMap { occupancy.tree(of: $0.id).reversed() }
        let lost = trees.filter(\.isLost).reversed().map(resumption)
        return lost
            + trees.filter { $0.status != .paused || $0.isLost }.map { run in
                EventDraft(runID: run.id, .agentPaused(AgentPaused(by: by, reason: reason)))
            }
    }

    /// The reverse of the pauses: outermost first.
    private func resumptions(of roots: [ThreadOccupancy.Run], in occupancy: ThreadOccupancy) -> [EventDraft] {
        roots.reversed().flatMap { occupancy.tree(of: $0.id) }.filter { $0.status == .paused }.map(resumption)
    }

    private func resumption(of run: ThreadOccupancy.Run) -> EventDraft {
        EventDraft(runID: run.id, .agentResumed(AgentResumed(by: by, reason: reason)))
    }

    private func details(
        _ runs: [ThreadOccupancy.Run],
        in occupancy: ThreadOccupancy,
        _ fence: CommandFence
    ) -> CommandDetails {
        let targets = Set(runs.map(\.id))
        let left = action == .stop ? occupancy.roots.filter { !targets.contains($0.id) } : []
        return CommandDetails(
            runs: runs.map { CommandDetails.Run($0) }, left: left.map { CommandDetails.Run($0) },
            isCursorUnknown: fence == .unknown)
    }
}

extension AgentEventsError {
    /// The refusal of a command.
    init(_ refusal: CommandRefusal, of command: RunCommand) {
        let name = command.action.name
        switch refusal {
        case .runUnknown(let run):
            self.init(.runUnknown, "there was no run \(run) in this thread: name one of its runs, or none")
        case .runNotStarted(let met):
            self.init(
                .runNotStarted, "the run is queued and has not started: \(name) it when it has, or stop it")
            details = met
        case .runNotOpen(let run):
            let subject = run.map { "the run \($0) has ended" } ?? "no run of this thread is open"
            if case .custom = command.action {
                self.init(
                    .runNotOpen, run == nil ? "\(subject) that could take \(name)" : "\(subject) and takes no \(name)")
            } else {
                self.init(.runNotOpen, "\(subject), there is nothing left to \(name)")
            }
            if let run { details = CommandDetails(runs: [CommandDetails.Run(runID: run, status: nil)]) }
        case .runPaused(let met):
            self.init(.runPaused, "the run is paused and takes no \(name) until it is resumed")
            details = met
        case .unsupported(let agent, let met):
            self.init(
                .commandUnsupported, "the agent \(agent) takes no commands of an application: stop, pause or resume it")
            details = met
        }
    }
}
