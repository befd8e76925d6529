// The runs of a thread when the process that hosts them is gone, or about to go; ``RunRecovery`` decides.

extension ExecutionContext {
    /// Decides on runs of a process that is gone, before anything else is accepted: each ends, or stays open, in one commit.
    ///
    /// - Parameter lost: in the order of their first events.
    func recover(_ lost: [OpenRun]) async throws(AgentEventsError) -> RecoveredRuns {
        let sequences = Dictionary(uniqueKeysWithValues: lost.map { ($0.run, $0.sequence) })
        var recovered = RecoveredRuns()
        // What is overdue comes to its end before, and may be among them.
        _ = try await settled { () async throws(AgentEventsError) -> Accepted? in
            _ = try path.begin()
            return nil
        }
        for top in path.machine.tops(of: lost.map(\.run)) {
            var beginning: RunBeginning?
            if case .endAndRepeat? = try recovery(of: top, .loss, at: path.begin()), let sequence = sequences[top] {
                beginning = try await self.beginning(of: top, at: sequence)
            }
            let kept = try await settled { () async throws(AgentEventsError) in
                try recover(top, beginning)
            }
            switch kept.standing {
            case .queued: recovered.queuesRun = true
            case .parked: recovered.parked.append(top)
            case .ended: break
            }
        }
        return recovered
    }

    private struct Recovered: Decided {
        enum Standing {
            case queued
            case parked
            case ended
        }

        var standing: Standing
        var accepted: Accepted?

        var decision: ContentionDecision { accepted == nil ? .nothing : .offered }
        var offeredPosition: UInt64? { accepted?.position }
    }

    private func recovery(
        of run: RunID,
        _ cause: RunRecovery.Cause,
        at time: Timestamp
    ) throws(AgentEventsError) -> RunRecovery.Action? {
        guard let open = path.machine.recoverable(run) else { return nil }
        // A run below one that continues outside ends with its own process.
        let hasParent = path.machine.parent(of: run).map { path.machine.isOpen($0) } ?? false
        return RunRecovery.decide(
            open, cause,
            policy: { agent in
                let policy = hasParent ? RunRecovery.Policy() : services.recoveryPolicies.of(agent)
                return policy.mode == .resume && services.isContended ? RunRecovery.Policy() : policy
            }, at: time)
    }

    /// - Parameter host: the one that is gone.
    private func recover(
        _ run: RunID,
        _ beginning: RunBeginning?,
        lostWith host: LostHost = .process
    ) throws(AgentEventsError) -> Recovered {
        let time = try path.begin()
        switch try recovery(of: run, .loss, at: time) {
        case nil:
            return Recovered(standing: .ended)
        case .keep where path.machine.isQueued(run):
            return Recovered(standing: .queued)
        case .keep(let steps):
            let drafts = path.machine.drafts(of: steps, .loss)
            let accepted = drafts.isEmpty ? nil : try path.acceptOfOpenRuns(drafts, at: time, isLimited: false)
            path.park(path.machine.tree(of: run))
            return Recovered(standing: .parked, accepted: accepted)
        case .end(let attempts):
            // An end is taken although it is over a limit (I7).
            let accepted = try path.acceptOfOpenRuns(
                [end(of: run, .lost(with: host, afterAttempts: attempts))], at: time, isLimited: false)
            return Recovered(standing: .ended, accepted: accepted)
        case .endAndRepeat(let attempt, let notBefore):
            guard let agent = path.machine.agent(of: run) else { preconditionFailure("an open run has an agent") }
            let next = services.configuration.identifiers.runID()
            let queued = AgentQueued(
                input: beginning?.input, messageIDs: beginning?.messageIDs ?? [], by: beginning?.by,
                notBefore: notBefore, scheduleID: beginning?.scheduleID, attempt: attempt, retryOf: run)
            let lost = end(of: run, .lost(with: host, afterAttempts: nil))
            let drafts = [lost, EventDraft(runID: next, agent: agent, .agentQueued(queued))]
            guard
                let batch = try path.accept(
                    drafts, Emission(isLimited: false, lookedUp: [next: false]), at: time)
            else { preconditionFailure("a run with a new id is not looked up") }
            return Recovered(standing: .queued, accepted: batch.accepted)
        }
    }

    private func end(of run: RunID, _ failure: RunFailure) -> EventDraft {
        .measured(run, .agentFailed(AgentFailed(error: failure, durationMilliseconds: 0)))
    }

    private func beginning(of run: RunID, at sequence: UInt64) async throws(AgentEventsError) -> RunBeginning {
        let page = try await mapLogError { () async throws(EventLogError) in
            try await services.log.read(LogRead(.thread(thread, after: sequence - 1), maximumCount: 1))
        }
        var beginning = RunBeginning()
        for stored in page.events {
            let event = try mapWireError(stored)
            if event.runID == run { beginning.take(event.payload) }
        }
        // Those that were merged into it are known here alone.
        beginning.messageIDs = path.machine.load.roots.first { $0.run == run }?.messageIDs ?? beginning.messageIDs
        return beginning
    }

    private func mapWireError(_ stored: StoredEvent) throws(AgentEventsError) -> AgentEvent {
        do throws(EventLogError) {
            return try stored.decoded()
        } catch {
            throw AgentEventsError(error)
        }
    }

    // MARK: Workers

    /// The outcome for a run whose worker was lost.
    package enum LostLease: Hashable, Sendable {
        /// The run had ended before, or the lease is not its own.
        case over(LeasedRunEnd?)
        /// The run has ended; another one may do it again.
        ///
        /// - Parameter isRepeated: whether it is queued.
        case ended(isRepeated: Bool)
        /// The run stays open, until somebody continues it.
        case parked
    }

    /// The worker of a run was lost: the run ends, or stays open for another one, as it would if its process were gone. What
    /// still comes by the lease is refused.
    package func lose(_ lease: LeaseID, of run: RunID) async throws(AgentEventsError) -> LostLease {
        var beginning: RunBeginning?
        if case .endAndRepeat? = try recovery(of: run, .loss, at: path.begin()),
            let first = path.machine.beginning(of: run)
        {
            // What is read has to be in the log.
            try await waitForCommit(at: offeredPosition.latest)
            beginning = try await self.beginning(of: run, at: first.sequence)
        }
        let lost = try await settled { () async throws(AgentEventsError) in try lose(lease, of: run, beginning) }
        return lost.outcome
    }

    private struct Lost: Decided {
        var outcome: LostLease
        var accepted: Accepted?

        var decision: ContentionDecision { accepted == nil ? .nothing : .offered }
        var offeredPosition: UInt64? { accepted?.position }
    }

    private func lose(_ lease: LeaseID, of run: RunID, _ beginning: RunBeginning?) throws(AgentEventsError) -> Lost {
        _ = try path.begin()
        guard path.hasLease(lease, of: run), path.machine.isOpen(run), !path.detached.contains(run) else {
            return Lost(outcome: .over(endLease(lease, of: run)))
        }
        // Its body lets go of it by itself.
        path.setEnding(nil, of: run)
        let recovered = try recover(run, beginning, lostWith: .worker)
        _ = path.endLease(lease, of: run)
        forget(run)
        switch recovered.standing {
        case .queued: return Lost(outcome: .ended(isRepeated: true), accepted: recovered.accepted)
        case .parked: return Lost(outcome: .parked, accepted: recovered.accepted)
        case .ended: return Lost(outcome: .ended(isRepeated: false), accepted: recovered.accepted)
        }
    }

    /// The work of a worker for a run is over.
    ///
    /// - Returns: how the run has ended; `nil` when it has not.
    package func endLease(_ lease: LeaseID, of run: RunID) -> LeasedRunEnd? {
        if !path.machine.isOpen(run) { forget(run) }
        return path.endLease(lease, of: run)
    }

    // MARK: Leaving

    /// Ends all runs that have started and that this process hosts, and with them their children; those of agents that
    /// resume stay open, and nobody works for them here from then on. Those that are hosted outside stay open, and those
    /// that are queued stay queued.
    func cancelHostedRuns(reason: String) async throws(AgentEventsError) {
        for top in path.machine.tops(of: path.machine.openHostedRuns) {
            _ = try await settled { () async throws(AgentEventsError) in try leave(top, reason) }
        }
    }

    private func leave(_ run: RunID, _ reason: String) throws(AgentEventsError) -> Accepted? {
        let time = try path.begin()
        switch try recovery(of: run, .shutdown, at: time) {
        case nil:
            return nil
        case .keep(let steps):
            guard !path.machine.isQueued(run) else { return nil }
            // A context that was opened since may not know that it is parked; but nobody works for it here.
            let isParked = path.parked.contains(run) || path.usages[run] == nil
            let drafts = isParked ? path.machine.pauses(ofParked: run) : path.machine.drafts(of: steps, .shutdown)
            let accepted = drafts.isEmpty ? nil : try path.acceptOfOpenRuns(drafts, at: time, isLimited: false)
            path.detach(path.machine.tree(of: run))
            return accepted
        case .end, .endAndRepeat:
            let cancelled = AgentCancelled(reason: reason, durationMilliseconds: 0)
            defer { forget(run) }
            return try path.acceptOfOpenRuns([.measured(run, .agentCancelled(cancelled))], at: time, isLimited: false)
        }
    }

    // MARK: Taking up

    /// Takes up a run that stayed open when an earlier process was lost, if that is possible now.
    ///
    /// - Parameter lease: by which a worker outside continues it; `nil` when none does.
    package func attach(_ run: RunID, lease: LeaseID? = nil) async throws(AgentEventsError) -> RunAttachment {
        let time = try path.begin()
        switch path.machine.resumption(of: run, at: time) {
        case .gone: return .gone
        case .wait: return .wait
        case .notBefore(let time): return .notBefore(time)
        case .begin(let drafts):
            guard path.usages[run] == nil else { return .wait }
            if !drafts.isEmpty { _ = try path.acceptOfOpenRuns(drafts, at: time, isLimited: false) }
            let runs = path.machine.tree(of: run)
            // A context that was opened since may not know it.
            path.park(runs)
            if let lease { path.beginLease(lease, of: run) }
            var accepted: [RunID: AcceptedRun] = [:]
            for run in runs { accepted[run] = take(run, at: time) }
            let works: [RunID: ResumedWork]
            do throws(AgentEventsError) {
                works = try await readWork(of: runs)
            } catch {
                // It can be tried again.
                for run in runs { forget(run) }
                if let lease { _ = path.endLease(lease, of: run) }
                throw error
            }
            guard let work = tree(run, accepted, works) else {
                if let lease { _ = path.endLease(lease, of: run) }
                return .gone
            }
            return .taken(work)
        }
    }

    /// Reads from the log an open run for which nobody works, and the number of the attempt that continues it; `nil` for one
    /// that is not open.
    package func work(of run: RunID) async throws(AgentEventsError) -> ResumedWork? {
        guard let open = path.machine.recoverable(run) else { return nil }
        var work = try await readWork(of: [run])[run]
        work?.attempt = open.attempt + (open.status == .lost ? 1 : 0)
        return work
    }

    /// The body of a run that was taken up begins: what is open in it, and in the runs below it, may have begun from now on.
    ///
    /// - Throws: `order.already_ended` when this process has let go of the run.
    func beginWork(of run: RunID) throws(AgentEventsError) {
        try path.checkAttempt(of: run, at: .agentProgress(AgentProgress()))
        path.unpark(path.machine.tree(of: run))
    }

    private func readWork(of runs: [RunID]) async throws(AgentEventsError) -> [RunID: ResumedWork] {
        let first = runs.compactMap { path.machine.beginning(of: $0)?.sequence }.min() ?? 1
        // What is read has to be in the log.
        try await waitForCommit(at: offeredPosition.latest)
        return try await mapLogError { () async throws(EventLogError) in
            try await ResumedWork.read(runs, in: thread, after: first - 1, services.log)
        }
    }

    private func tree(_ run: RunID, _ accepted: [RunID: AcceptedRun], _ works: [RunID: ResumedWork]) -> ResumedWork? {
        guard let taken = accepted[run], var work = works[run] else { return nil }
        work.run = taken
        guard let open = path.machine.recoverable(run) else { return work }
        work.attempt = open.attempt
        work.parentCall = open.parentCall
        work.children = open.children.compactMap { tree($0.id, accepted, works) }
        return work
    }

    /// The time in which an open run has worked.
    func workedTime(of run: RunID, at time: Timestamp) -> Duration {
        guard let start = path.machine.startTime(of: run) else { return .zero }
        let worked = time.milliseconds(since: start) - path.machine.rests.milliseconds(of: run, at: time)
        return .milliseconds(max(0, worked))
    }

    /// A body begins to work for a run that is open.
    private func take(_ run: RunID, at time: Timestamp) -> AcceptedRun? {
        guard let agent = path.machine.agent(of: run), path.machine.startTime(of: run) != nil else { return nil }
        let usage = RunUsage()
        if let tokens = path.machine.tokensOfChildren(of: run) { usage.add(ofChildren: tokens) }
        let ending = WakeSignal()
        path.setUsage(usage, of: run)
        path.setEnding(ending, of: run)
        // Nobody continues them.
        brokenMessages[run] = path.machine.openMessages(of: run)
        let first = path.machine.beginning(of: run) ?? path.head.lastID
        return AcceptedRun(
            id: run, agent: agent, context: self,
            start: RunStart(id: first, position: offeredPosition.latest, earliestGeneration: services.generation),
            usage: usage,
            ending: ending, spent: workedTime(of: run, at: time))
    }
}

/// What was found in a thread when the log was opened.
struct RecoveredRuns: Hashable, Sendable {
    /// Whether runs are queued that this process is to start.
    var queuesRun = false
    /// The runs that stay open for their agents to continue them.
    var parked: [RunID] = []
}

/// A run that stayed open when an earlier process, or its worker, was lost, and for which nobody works yet.
package struct ParkedRun: Sendable {
    package var owner: ThreadOwner
    package var run: RunID

    package init(owner: ThreadOwner, run: RunID) {
        self.owner = owner
        self.run = run
    }
}

/// The answer to a wish to take up a run.
package enum RunAttachment: Sendable {
    /// It has ended.
    case gone
    /// A person has to answer first, or to resume it.
    case wait
    /// The last attempt began a short while ago.
    case notBefore(Timestamp)
    /// Somebody has to work for it; see ``AgentRuntime/work(for:observer:_:)``.
    case taken(ResumedWork)
}

/// The request that a run was begun with, as its first events say it.
package struct RunBeginning: Hashable, Sendable {
    package var input: JSONValue?
    package var messageIDs: [MessageID] = []
    /// The user who asked for the run, where it was queued.
    package var by: UserID?
    var scheduleID: ScheduleID?

    package init() {}

    /// Takes in one of the first events; others change nothing.
    package mutating func take(_ payload: EventPayload) {
        if case .agentQueued(let queued) = payload {
            (input, messageIDs, by) = (queued.input, queued.messageIDs, queued.by)
            scheduleID = queued.scheduleID
        } else if case .agentStarted(let started) = payload {
            input = started.input ?? input
            if !started.messageIDs.isEmpty { messageIDs = started.messageIDs }
        }
    }
}

extension ExecutionContext {
    /// The log that the thread is in.
    package nonisolated var storedLog: any EventLog { services.log }

    /// The time and the chance that the runtime works with.
    package nonisolated var environment: Environment { services.environment }
}

extension ThreadStateMachine {
    /// The first event of an open run.
    func beginning(of run: RunID) -> EventID? { runs.place(of: run).flatMap { runs.marks(at: $0).began } }

    /// The open messages of a run, in the order in which they were opened.
    func openMessages(of run: RunID) -> [MessageID] { runs.machine(run)?.work.openMessages ?? [] }
}
