/// The synchronous section of a thread: the way of an emission from its drafts to the log, with nothing in between.
///
/// ```
///                ┌── the log refuses everything: throw
/// accept ── begin┤
///                └── take the time, end what is overdue ──> ThreadHead: check, number, encode, offer, apply ──┬── Accepted
///                                                             │ look a run up in the log                      │
///                                                             └── nil: nothing changed                        └── sweep set
/// ```
///
/// It is one value, changed by one call of a context for each emission, because each access to what an actor stores is
/// checked at run time. For that reason it is long, too: what is decided in the section is stored in it.
struct AcceptPath {
    private(set) var head: ThreadHead
    private let services: RuntimeServices
    private let offered: OfferedPosition
    /// Whether the log has refused an emission. It refuses everything from then on, and so does this thread, before it
    /// looks at its state: the same request is always told the same reason. Nothing depends on it but the answer; what
    /// was refused was rolled back (I4).
    private var isRefused = false
    /// Whether the thread is being deleted, or was deleted: it takes no further events.
    private(set) var isClosed = false
    /// The time at which to check the thread, because something may be overdue.
    private var sweptAt = ThreadStateMachine.never
    /// The time up to which what was overdue has ended. Only where others write too.
    private var overdueTime = Timestamp(milliseconds: .min)
    /// The usage of the open runs of scopes, for the events that end them.
    private(set) var usages: [RunID: RunUsage] = [:]
    /// Where tasks wait while their run is paused; `nil` as long as none has.
    private var gate: ThreadGate<RunID>?
    /// Where tasks wait for the answer to a request for approval; `nil` as long as none has.
    private var approvalGate: ThreadGate<ApprovalPlace>?
    /// Signalled when a run ends while its body works, so that the body's task is cancelled.
    private var endings: [RunID: WakeSignal] = [:]
    /// The runs that this process has let go of: the next one takes them up. What their bodies still do is too late.
    private(set) var detached: Set<RunID> = []
    /// The runs that stayed open when an earlier process was lost, as long as no body works for them here: nothing of them
    /// can have begun. That includes those which were taken up and wait for a place to work.
    private(set) var parked: Set<RunID> = []
    /// The runs for which workers outside work.
    private var leases = LeasedRuns()
    /// The usage of children that end with what was offered, until it is known to be in the log. Only where others write
    /// too: there the same end may be offered several times.
    private var unsettledUsages: [ChildUsage] = []
    /// The open runs that this process hosts, as far as their events are known to be in the log. Only where others write
    /// too: there what was accepted may be refused, a start as well as an end.
    private(set) var hostedRuns: Set<RunID> = []
    /// The refusal that a newer state of the thread may turn into an acceptance: one at most, and only in a log with several
    /// writers.
    private var undecidedRefusals: [RefusedEmission] = []

    /// - Parameter offered: is told how far events were offered.
    init(_ head: ThreadHead, _ services: RuntimeServices, _ offered: OfferedPosition) {
        self.head = head
        self.services = services
        self.offered = offered
        setSweep()
    }

    /// The order of the thread.
    var machine: ThreadStateMachine { _read { yield head.machine } }

    // MARK: Accepting

    /// An emission of one event, which asks for nothing else: the way of nearly every event.
    ///
    /// - Parameter waits: as ``Emission/waits``.
    /// - Returns: `nil` when a run has to be looked up first; then nothing changed.
    mutating func accept(_ draft: EventDraft, waits: Bool) throws(AgentEventsError) -> Accepted? {
        let time = try begin()
        do throws(AgentEventsError) {
            if !detached.isEmpty { try checkAttempt(of: [draft]) }
            if let storage = services.storage { try checkRoom(for: [draft], storage) }
        } catch {
            throw noted(error, of: [draft], at: 0, Emission(waits: waits), time)
        }
        do throws(ThreadHead.Refusal) {
            if services.budgets == nil || exceededBudget(by: [draft], at: time) == nil,
                let offer = try acceptOne(draft, host: .process, isLimited: true, lookedUp: [:], at: time)
            {
                if !leases.isEmpty { leases.accepted([draft], by: nil, head.machine) }
                return didOffer(offer, releases: draft.payload.releases)
            }
        } catch {
            try notAccepted(error, [draft], at: 0, Emission(waits: waits), time)
            return nil
        }
        return try accept([draft], Emission(waits: waits), at: time)?.accepted
    }

    /// An emission: all of its events or none.
    ///
    /// - Parameter drafts: at least one.
    /// - Returns: `nil` when a run has to be looked up first; then nothing changed.
    mutating func accept(_ drafts: [EventDraft], _ emission: Emission) throws(AgentEventsError) -> AcceptedBatch? {
        let time = try begin()
        if !detached.isEmpty {
            do throws(AgentEventsError) {
                try checkAttempt(of: drafts)
            } catch {
                throw noted(error, of: drafts, at: nil, emission, time)
            }
        }
        return try accept(drafts, emission, at: time)
    }

    /// - Throws: `order.already_ended` for events of runs that this process has let go of.
    func checkAttempt(of drafts: [EventDraft]) throws(AgentEventsError) {
        guard !detached.isEmpty else { return }
        for draft in drafts {
            guard let run = draft.runID else { continue }
            var parent: RunID?
            if case .agentStarted(let started) = draft.payload { parent = started.parentRunID }
            guard detached.contains(run) || parent.map(detached.contains) ?? false else { continue }
            throw AgentEventsError(RunStateMachine.violationOfDetachedRun(run, draft.payload))
        }
    }

    /// - Throws: `order.already_ended` in a run that this process has let go of.
    func checkAttempt(of run: RunID, at payload: EventPayload) throws(AgentEventsError) {
        if detached.contains(run) { throw AgentEventsError(RunStateMachine.violationOfDetachedRun(run, payload)) }
    }

    /// - Throws: why the log takes nothing any longer.
    func checkLog() throws(AgentEventsError) {
        if isRefused, let refusal = services.commit.refusal { throw AgentEventsError(refusal) }
        if isClosed { throw .deleted(head.owner.thread) }
    }

    /// Comes before every decision: the log still takes events, and nothing is overdue at the time that is returned.
    mutating func begin() throws(AgentEventsError) -> Timestamp {
        try checkLog()
        let time = max(services.environment.wallClock.now(), head.lastTime)
        guard head.machine.deadline <= time else { return time }
        // Where others write too, what is overdue has come to its end before: one offer is on its way at a time. What has
        // become overdue since, while the log was asked for something, is not yet at the time of that look.
        if services.isContended { return max(overdueTime, head.lastTime) }
        try endOverdue(at: time)
        return time
    }

    /// Logs the end of what is overdue now, and nothing else; see ``ContentionStateMachine``.
    ///
    /// - Returns: `nil` when nothing is.
    mutating func endOverdue() throws(AgentEventsError) -> Accepted? {
        try checkLog()
        let time = max(services.environment.wallClock.now(), head.lastTime)
        overdueTime = time
        return head.machine.deadline <= time ? try endOverdue(at: time) : nil
    }

    /// The thread as the log has it. What was accepted and is not in the log was refused there.
    mutating func rebuild(_ head: ThreadHead) {
        let missedUpdateCount = machine.missedUpdateCount
        self.head = head
        unsettledUsages = []
        // Others have changed values: what is being read of them is out of date.
        self.head.missUpdates(missedUpdateCount + 1)
        hostedRuns = Set(head.machine.openHostedRuns)
        setSweep()
        release()
    }

    /// Logs the end of what is over at a time, before anything else is decided: that the sweep has not come yet changes
    /// nothing.
    @discardableResult
    private mutating func endOverdue(at time: Timestamp) throws(AgentEventsError) -> Accepted? {
        let drafts = head.takeOverdue(at: time)
        guard !drafts.isEmpty else { return nil }
        do throws(AgentEventsError) {
            return try acceptOfOpenRuns(drafts, at: time, isLimited: false)
        } catch {
            // It is still to be ended.
            head.lookAgain(at: time)
            throw error
        }
    }

    /// Events that end something which is open, and so name no run that has to be looked up.
    @discardableResult
    mutating func acceptOfOpenRuns(
        _ drafts: [EventDraft],
        at time: Timestamp,
        isLimited: Bool = true
    ) throws(AgentEventsError) -> Accepted {
        guard let batch = try accept(drafts, Emission(isLimited: isLimited), at: time) else {
            preconditionFailure("a run that is open is not looked up")
        }
        return batch.accepted
    }

    /// - Parameter time: what ``begin()`` has given, for the same decision.
    mutating func accept(
        _ drafts: [EventDraft],
        _ emission: Emission,
        at time: Timestamp
    ) throws(AgentEventsError) -> AcceptedBatch? {
        if emission.isLimited, emission.needsRoom, let storage = services.storage {
            do throws(AgentEventsError) {
                try checkRoom(for: drafts, storage)
            } catch {
                throw noted(error, of: drafts, at: nil, emission, time)
            }
        }
        var index = 0
        let exceeded = exceededBudget(by: drafts, at: time)
        // Before an end that comes of the report: there they count once.
        let counted = emission.reported?.take()
        do throws(ThreadHead.Refusal) {
            if drafts.count == 1, emission.request == nil, exceeded == nil,
                let offer = try acceptOne(
                    drafts[0], host: emission.host, isLimited: emission.isLimited, lookedUp: emission.lookedUp, at: time
                )
            {
                if !leases.isEmpty { leases.accepted(drafts, by: emission.lease, head.machine) }
                let accepted = didOffer(offer, releases: drafts[0].payload.releases)
                return AcceptedBatch(ids: emission.isIndexed ? [accepted.lastID] : [], accepted: accepted)
            }
            var batch = head.begin(at: time)
            var queuesRun = false
            do throws(ThreadHead.Refusal) {
                while index < drafts.count {
                    try head.accept(
                        drafts[index], host: emission.host, isLimited: emission.isLimited, lookedUp: emission.lookedUp,
                        usages: usages, in: &batch)
                    index += 1
                }
                if let exceeded { try endRuns(of: drafts, exceeded, in: &batch) }
                // After what the emission itself queues.
                while let left = batch.takeLeftInput() {
                    let run = services.configuration.identifiers.runID()
                    try head.accept(left.draft(run), lookedUp: [run: false], isAdded: true, in: &batch)
                    queuesRun = true
                }
                var accepted = try offer(batch, of: drafts, emission)
                // What was added is not the sender's last event.
                if exceeded != nil, let last = batch.ids.last { accepted.accepted.lastID = last }
                if queuesRun { services.queueNotice.give(head.owner) }
                return accepted
            } catch {
                head.rollBack(batch)
                throw error
            }
        } catch {
            emission.reported?.putBack(counted)
            try notAccepted(error, drafts, at: index, emission, time)
            return nil
        }
    }

    private func checkRoom(for drafts: [EventDraft], _ storage: StorageUse) throws(AgentEventsError) {
        if let refusal = storage.refusal(of: drafts.lazy.map(\.payload), by: head.owner.user) { throw refusal }
    }

    private mutating func acceptOne(
        _ draft: EventDraft,
        host: RunHost,
        isLimited: Bool,
        lookedUp: [RunID: Bool],
        at time: Timestamp
    ) throws(ThreadHead.Refusal) -> GroupCommit.Offer? {
        let commit = services.commit
        return try head.acceptOne(draft, at: time, host: host, isLimited: isLimited, lookedUp: lookedUp) {
            (entry) throws(EventLogError) in try commit.offer(entry)
        }
    }

    private mutating func offer(
        _ batch: ThreadHead.Batch,
        of drafts: [EventDraft],
        _ emission: Emission
    ) throws(ThreadHead.Refusal) -> AcceptedBatch {
        let ids = emission.isIndexed ? batch.ids : []
        let keyed = emission.request.map {
            KeyedEvents(key: $0.key, thread: head.owner.thread, ids: ids, digest: $0.digest)
        }
        let offer: GroupCommit.Offer
        do throws(EventLogError) {
            offer = try services.commit.offer(batch.entries, key: keyed)
        } catch {
            throw .notTaken(error)
        }
        let commit = services.commit
        head.keep(batch, offeredAt: offer.position, committed: { commit.committedPosition })
        // Before those are told that wait for the ends of runs.
        if !leases.isEmpty { leases.accepted(drafts, by: emission.lease, head.machine) }
        if services.isContended {
            unsettledUsages += batch.childUsages
        } else {
            for usage in batch.childUsages { usage.count() }
        }
        return AcceptedBatch(ids: ids, accepted: didOffer(offer, releases: batch.releases))
    }

    /// - Parameter releases: whether somebody may have waited for it.
    private mutating func didOffer(_ offer: GroupCommit.Offer, releases: Bool) -> Accepted {
        offered.didOffer(upTo: offer.position)
        setSweep()
        // Where others write too, what was offered may be refused yet.
        if releases, !services.isContended { release() }
        return Accepted(
            lastID: head.lastID, position: offer.position, isFull: offer.isFull,
            hasHeldHalves: head.machine.hasHeldHalves)
    }

    /// - Parameter index: of the event at fault.
    /// - Throws: unless a run has to be looked up.
    private mutating func notAccepted(
        _ refusal: ThreadHead.Refusal,
        _ drafts: [EventDraft],
        at index: Int,
        _ emission: Emission,
        _ time: Timestamp
    ) throws(AgentEventsError) {
        switch refusal {
        case .needsLookUp:
            break
        case .refused(var error):
            if emission.isIndexed { error.index = index }
            throw noted(error, of: drafts, at: index, emission, time)
        case .notTaken(let error):
            isRefused = true
            throw AgentEventsError(error)
        }
    }

    // MARK: Tokens

    /// Says if with the tokens that events report their user has used more than there are for a day.
    private func exceededBudget(by drafts: [EventDraft], at time: Timestamp) -> TokenBudgetError? {
        guard let budgets = services.budgets else { return nil }
        let tokens = drafts.lazy.compactMap(\.payload.reportedTokens)
        guard !tokens.isEmpty else { return nil }
        return budgets.refusal(of: head.owner.user, reporting: tokens.reduce(0, TokenUsage.sum), at: time)
    }

    /// Ends the runs that have reported tokens beyond the budget of their user, with the runs above and below them.
    private mutating func endRuns(
        of drafts: [EventDraft],
        _ error: TokenBudgetError,
        in batch: inout ThreadHead.Batch
    ) throws(ThreadHead.Refusal) {
        for draft in drafts where draft.payload.reportedTokens != nil {
            guard let run = draft.runID else { continue }
            let root = head.machine.root(of: run)
            guard head.machine.isOpen(root) else { continue }
            let failed = AgentFailed(error: error.failure, durationMilliseconds: 0)
            try head.accept(
                .measured(root, .agentFailed(failed)), isLimited: false, isAdded: true, usages: usages, in: &batch)
        }
    }

    // MARK: What was refused

    /// Keeps what is refused for those who look at the thread. Nothing of it is in the thread or the log (I4).
    ///
    /// - Parameter index: of the event at fault; `nil` when no single one is.
    /// - Returns: the error.
    mutating func noted(
        _ error: AgentEventsError,
        of drafts: [EventDraft],
        at index: Int?,
        _ emission: Emission,
        _ time: Timestamp
    ) -> AgentEventsError {
        guard error.isOfEvents, !isClosed, !(emission.waits && error.isWaitedFor) else { return error }
        let refusal = RefusedEmission(
            error, of: drafts, at: index, by: emission.author, head: head.lastSequence > 0 ? head.lastID : nil,
            time: time)
        if services.isContended {
            undecidedRefusals = [refusal]
        } else {
            services.refusals.add(refusal, of: head.owner)
        }
        return error
    }

    /// What was refused may be decided again, or is about to be decided.
    mutating func dropRefusal() { undecidedRefusals = [] }

    /// What was refused is not decided again.
    mutating func keepRefusal() {
        for refusal in undecidedRefusals { services.refusals.add(refusal, of: head.owner) }
        undecidedRefusals = []
    }

    // MARK: Around it

    /// The sweep has come: the table has the thread no longer.
    mutating func sweep() throws(AgentEventsError) {
        sweptAt = ThreadStateMachine.never
        _ = try begin()
        setSweep()
    }

    /// The sweep comes at a time, unless it comes earlier.
    mutating func checkAgain(at time: Timestamp) {
        guard time < sweptAt else { return }
        sweptAt = time
        services.deadlines.set(head.owner, at: time)
    }

    /// The sweep comes no later than something is overdue.
    private mutating func setSweep() {
        let deadline = head.machine.deadline
        if deadline < sweptAt {
            sweptAt = deadline
            services.deadlines.set(head.owner, at: sweptAt)
        } else if deadline == ThreadStateMachine.never, sweptAt != ThreadStateMachine.never {
            sweptAt = ThreadStateMachine.never
            services.deadlines.remove(head.owner.thread)
        }
    }

    /// The values of the thread's context were read.
    mutating func setSpace(_ space: ContextSpaceStateMachine) {
        head.setSpace(space)
        setSweep()
    }

    /// Sets the usage of a run, for the event that ends it.
    mutating func setUsage(_ usage: RunUsage?, of run: RunID) { usages[run] = usage }

    /// The events that were offered are in the log, where others write too.
    mutating func didSettle() {
        for usage in unsettledUsages { usage.count() }
        unsettledUsages = []
        hostedRuns = Set(head.machine.openHostedRuns)
        release()
    }

    // MARK: Those who wait

    /// Lets those go who wait for a run that is not paused any longer, and tells the bodies whose runs have ended.
    private mutating func release() {
        gate?.release { head.machine.isPaused($0) && !detached.contains($0) }
        approvalGate?.release { head.machine.isOpen($0) && !detached.contains($0.run) }
        guard !endings.isEmpty else { return }
        // In an order that is always the same.
        let ended = endings.keys.filter { !head.machine.isOpen($0) }.sorted { $0.rawValue < $1.rawValue }
        for run in ended { endings.removeValue(forKey: run)?.signal() }
    }

    /// The log takes nothing any longer, so that nobody resumes a run, or answers: those who wait are told why.
    mutating func logDidEnd() {
        isRefused = true
        gate?.release { _ in false }
        approvalGate?.release { _ in false }
    }

    /// The thread is about to be deleted: those who wait are told so.
    mutating func close() {
        isClosed = true
        services.deadlines.remove(head.owner.thread)
        sweptAt = ThreadStateMachine.never
        gate?.release { _ in false }
        approvalGate?.release { _ in false }
    }

    /// It was not deleted.
    mutating func reopen() {
        isClosed = false
        setSweep()
    }

    /// Somebody waits until a run is not paused any longer.
    mutating func arrive(at run: RunID) -> (gate: ThreadGate<RunID>, place: UInt64) {
        let gate = gate ?? ThreadGate()
        self.gate = gate
        return (gate, gate.arrive(at: run))
    }

    /// Somebody waits until a request for approval is not open any longer.
    mutating func arrive(at approval: ApprovalPlace) -> (gate: ThreadGate<ApprovalPlace>, place: UInt64) {
        let gate = approvalGate ?? ThreadGate()
        approvalGate = gate
        return (gate, gate.arrive(at: approval))
    }

    /// The number of tasks that wait while their run is paused.
    var waitingCount: Int { gate?.count ?? 0 }
    /// The number of tasks that wait for an answer to a request for approval.
    var askingCount: Int { approvalGate?.count ?? 0 }

    /// Sets what is signalled when a run ends: while its body works, and `nil` from its return on.
    mutating func setEnding(_ ending: WakeSignal?, of run: RunID) {
        endings[run] = ending
        if let ending, !head.machine.isOpen(run) {
            endings[run] = nil
            ending.signal()
        }
    }

    /// The events that come before an answer to a run that this process has let go of: they say that nothing begins with
    /// it before the run is taken up.
    func pausesBeforeAnswer(in run: RunID?) -> [EventDraft] {
        guard let run, detached.contains(run) || isLeft(run) else { return [] }
        let tree = head.machine.occupancy.tree(of: head.machine.root(of: run))
        return tree.reversed().filter { $0.status != .paused }.map { run in
            EventDraft(runID: run.id, .agentPaused(.handedOver))
        }
    }

    /// Says if nobody works for a run here, and nobody will: it is left to the next process. The state of a thread that was
    /// opened only when this process was about to stop does not tell.
    private func isLeft(_ run: RunID) -> Bool {
        guard services.takingUp.isOver, !services.isContended, head.machine.isHostedHere(run) else { return false }
        let root = head.machine.root(of: run)
        guard usages[root] == nil, let agent = head.machine.agent(of: root) else { return false }
        return services.recoveryPolicies.of(agent).mode == .resume
    }

    // MARK: Workers

    /// A worker outside works for a run from now on.
    mutating func beginLease(_ lease: LeaseID, of run: RunID) {
        leases.begin(lease, of: run, attempt: head.machine.attempt(of: run) ?? 1)
    }

    /// A lease is over: what comes by it is refused from now on.
    ///
    /// - Returns: as ``LeasedRuns/end(_:of:)``.
    mutating func endLease(_ lease: LeaseID, of run: RunID) -> LeasedRunEnd? { leases.end(lease, of: run) }

    func hasLease(_ lease: LeaseID, of run: RunID) -> Bool { leases.has(lease, of: run) }

    /// Refuses what a program outside emits for a run that is not its own by a lease.
    ///
    /// - Throws: `lease.lost`.
    mutating func checkLease(of drafts: [EventDraft], _ emission: Emission) throws(AgentEventsError) {
        guard let index = leases.firstRefused(of: drafts, by: emission.lease, head.machine) else { return }
        let time = try begin()
        throw noted(.leaseLost(emission.lease, at: index), of: drafts, at: index, emission, time)
    }

    /// Runs stayed open when an earlier process was lost.
    mutating func park(_ runs: [RunID]) { parked.formUnion(runs) }

    /// The bodies of runs begin.
    mutating func unpark(_ runs: [RunID]) { parked.subtract(runs) }

    /// The body of a run that was taken up waits for an answer.
    mutating func waitAgain(_ run: RunID, at time: Timestamp) { head.waitAgain(run, at: time) }

    /// Lets go of runs that stay open: from now on their bodies are too late, and are told so.
    mutating func detach(_ runs: [RunID]) {
        detached.formUnion(runs)
        for run in runs { endings.removeValue(forKey: run)?.signal() }
        release()
    }

    /// Whether somebody here waits for what others may do to a run.
    var watchesRuns: Bool { !endings.isEmpty || waitingCount > 0 || askingCount > 0 }

    /// A look-up in the log begins: a run that ends from here on is remembered until a look-up is sure to find it.
    ///
    /// - Returns: up to where everything is committed.
    mutating func beginLookUp() -> UInt64 {
        let position = services.commit.committedPosition
        head.beginLookUp(committedThrough: position)
        return position
    }

    mutating func endLookUp(committedThrough position: UInt64) { head.endLookUp(committedThrough: position) }
}

/// The further parameters of an emission.
struct Emission {
    var host = RunHost.process
    var request: KeyedRequest?
    /// Whether it is one of several events: an error says which is at fault, and all ids are told.
    var isIndexed = false
    /// Whether the events are refused when they are too large.
    var isLimited = true
    /// Whether the events are refused when there is no room for them. Not an answer, or the end of a grant.
    var needsRoom = true
    /// Whether answers to requests for approval among the events have to fit what was asked.
    var checksAnswers = false
    /// Whether its sender waits while its run is paused, and sends it again then: that it is refused meanwhile is no fault.
    var waits = true
    /// Who sent it; `nil` for code in the process.
    var author: UserID?
    /// The lease by which its sender works for a run; `nil` for none.
    var lease: LeaseID?
    /// The model's answer whose tokens it reports; `nil` for none.
    var reported: ReportedAnswer?
    /// Of runs that are not open, whether the log had one of that id.
    var lookedUp: [RunID: Bool] = [:]

    /// The emission of a request with a key.
    func with(_ request: KeyedRequest) -> Emission {
        var emission = self
        emission.request = request
        return emission
    }
}

struct KeyedRequest {
    var key: IdempotencyKey
    var digest: RequestDigest
}

/// An emission is on its way into the log.
struct Accepted: Hashable {
    /// The id of its last event.
    var lastID: EventID
    /// The position to wait for.
    var position: UInt64
    /// Whether the producer has to wait for capacity before it offers again.
    var isFull: Bool
    /// Whether a message may wait with half of a character.
    var hasHeldHalves: Bool
}

struct AcceptedBatch {
    /// The ids of the drafts' events, where they are asked for.
    var ids: [EventID]
    var accepted: Accepted

    var receipt: EmitReceipt { EmitReceipt(ids: ids, isRepeated: false, position: accepted.position) }
}

/// The outcome of a decision, as far as other writers of the log may change it.
protocol Decided {
    var decision: ContentionDecision { get }
    /// The position of what was offered; `nil` when nothing was.
    var offeredPosition: UInt64? { get }
}

extension Accepted: Decided {
    var decision: ContentionDecision { .offered }
    var offeredPosition: UInt64? { position }
}

extension AcceptedBatch: Decided {
    var decision: ContentionDecision { .offered }
    var offeredPosition: UInt64? { accepted.position }
}

/// A decision that a key stands for.
protocol KeyedDecision: Decided {
    /// The events; `nil` when nothing was offered, and the key stands for nothing.
    var batch: AcceptedBatch? { get }
}

extension AcceptedBatch: KeyedDecision {
    var batch: AcceptedBatch? { self }
}

/// The outcome of a request with a key.
enum KeyedOutcome<Value: KeyedDecision>: Decided {
    case decided(Value)
    /// It was logged before.
    case known(EmitReceipt)

    var decision: ContentionDecision {
        switch self {
        case .decided(let value): value.decision
        case .known: .final
        }
    }

    var offeredPosition: UInt64? {
        switch self {
        case .decided(let value): value.offeredPosition
        case .known: nil
        }
    }

    var batch: AcceptedBatch? {
        switch self {
        case .decided(let value): value.batch
        case .known: nil
        }
    }
}

extension Accepted?: Decided {
    var decision: ContentionDecision { self == nil ? .nothing : .offered }
    var offeredPosition: UInt64? { self?.position }
}

/// A model's answer whose tokens are counted in memory until they are reported: each is in the end of its run once.
struct ReportedAnswer {
    let usage: RunUsage
    let answer: MessageID

    func take() -> TokenUsage? { usage.take(answer) }
    func putBack(_ tokens: TokenUsage?) { if let tokens { usage.putBack(tokens, of: answer) } }
}
