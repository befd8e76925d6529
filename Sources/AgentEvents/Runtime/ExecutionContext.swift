import Synchronization

/// One user's agent work in one thread: the only place where events of that thread are made.
///
/// The actor checks an event against the order of its run, numbers it, encodes it once, offers it to the log and applies
/// it, all in one synchronous section, so nothing can come in between: ``emit(_:)`` and everything else that makes
/// events go through it. There is at most one context for a thread in a process; ``AgentRuntime/context(user:thread:)``
/// gives it.
///
/// Where other processes write the log too (``ContendedLog``), an emission is decided on what is known of the thread,
/// and decided again on what the log has when somebody else was first. Then everything that makes events returns after
/// its commit, not before: the ids that it gives are those in the log, and a refusal is one by the order of the whole
/// thread. Half of a character that waits for the other one is lost when another writer appends in between.
public actor ExecutionContext {
    /// The user the thread belongs to.
    public nonisolated var user: UserID { owner.user }
    /// The thread.
    public nonisolated var thread: ThreadID { owner.thread }

    nonisolated let owner: ThreadOwner
    nonisolated let services: RuntimeServices
    /// Up to where this context has offered events.
    nonisolated let offeredPosition = OfferedPosition()
    private nonisolated let storedOwnership: Atomic<ThreadOwnership>
    /// The synchronous section, and the state of the thread.
    var path: AcceptPath
    /// Itself, while a message waits with half of a character, which the log does not have: given back, the context
    /// would forget it. The end of the run ends it, and a run that is hosted outside ends when nothing comes for it.
    private var keptForHalves: ExecutionContext?
    /// The messages that `say` has open, by run.
    var spokenMessages: [RunID: MessageID] = [:]
    /// The messages that broke off while their run was paused, by run: they are completed with it.
    var brokenMessages: [RunID: [MessageID]] = [:]
    /// The answers that count for later questions; `nil` as long as nobody has asked for them.
    var grants: ThreadGrants?
    /// Whether the thread is known to have no such answer, as long as nobody gives one here.
    var hasNoGrants = false
    /// The times in which runs wait for a place to work.
    var slotWaits = SlotWaits()
    var keyedEmissions = KeyedEmissionsStateMachine<CheckedContinuation<Void, Never>>()
    private var contention = ContentionStateMachine<CheckedContinuation<Void, Never>>()

    init(head: ThreadHead, services: RuntimeServices) {
        self.owner = head.owner
        self.services = services
        storedOwnership = Atomic(services.isContended && head.lastSequence == 0 ? .presumed : .confirmed)
        self.path = AcceptPath(head, services, offeredPosition)
    }

    /// Whether the thread belongs to the user. A context that turns out to be foreign, or that is gone, takes nothing any
    /// longer, and is not in the ``ContextRegistry``.
    nonisolated var ownership: ThreadOwnership {
        get { storedOwnership.load(ordering: .relaxed) }
        set { storedOwnership.store(newValue, ordering: .relaxed) }
    }

    private func confirmOwnership() {
        if ownership == .presumed { ownership = .confirmed }
    }

    // MARK: Raw events

    /// Accepts one event: checks, numbers, encodes and enqueues it.
    ///
    /// Returns when the event is accepted and in its place, before it is committed (with a ``ContendedLog``: when it is
    /// committed); suspends while more than ``RuntimeConfiguration/highWaterByteCount`` wait for the log, and to look
    /// up in the log whether a run that is not open was there before. Not sensitive to cancellation.
    ///
    /// - Returns: the event's id.
    /// - Throws: ``AgentEventsError``; then nothing changed (I4).
    @discardableResult
    public func emit(_ draft: EventDraft) async throws(AgentEventsError) -> EventID {
        guard !services.isContended, !draft.payload.isStateUpdate, let accepted = try path.accept(draft, waits: false)
        else {
            return try await emitSettled(draft, waits: false)
        }
        if accepted.hasHeldHalves { keepForHalves() }
        if accepted.isFull { await services.commit.waitForCapacity() }
        return accepted.lastID
    }

    /// Accepts several events, all or none, next to each other.
    ///
    /// - Parameters:
    ///   - drafts: at least one.
    ///   - key: the same key again within 24 hours answers with the same ids and logs nothing, also after a restart.
    ///     With other events it is refused with `key.conflict`.
    ///   - host: who hosts the runs that these events start. One that a program outside emits is
    ///     ``RunHost/outside``: it survives this process, and ends when nothing comes for it
    ///     (``RuntimeConfiguration/emittedRunTimeout``).
    /// - Throws: ``AgentEventsError`` with the ``AgentEventsError/index`` of the event at fault; then nothing changed.
    public func emit(
        _ drafts: [EventDraft],
        key: IdempotencyKey? = nil,
        host: RunHost = .process
    ) async throws(AgentEventsError) -> EmitReceipt {
        try await emit(drafts, as: key.map { RequestKey($0) }, host: host)
    }

    /// The same, for a request that asks for more than its events.
    ///
    /// - Parameters:
    ///   - author: who sends it; `nil` for code in the process.
    ///   - checksAnswers: whether answers to requests for approval among them have to be given by those who may, with
    ///     data that fits, like those that come as commands.
    ///   - lease: by which the author works for a run. What an author emits for a run of another worker is refused with
    ///     `lease.lost`, and so is everything that comes by a lease which is over.
    package func emit(
        _ drafts: [EventDraft],
        as request: RequestKey?,
        host: RunHost = .process,
        by author: UserID? = nil,
        checksAnswers: Bool = false,
        lease: LeaseID? = nil
    ) async throws(AgentEventsError) -> EmitReceipt {
        var emission = Emission(
            host: host, isIndexed: true, checksAnswers: checksAnswers, waits: false, author: author)
        emission.lease = lease
        guard let request else { return try await emit(drafts, emission) }
        let keyed = KeyedRequest(key: request.key, digest: try digest(of: drafts, request))
        switch try await once(
            keyed,
            { () async throws(AgentEventsError) in
                try await acceptBatch(drafts, emission.with(keyed))
            })
        {
        case .known(let receipt): return receipt
        case .decided(let batch): return batch.receipt
        }
    }

    /// Several events without a key.
    private func emit(_ drafts: [EventDraft], _ emission: Emission) async throws(AgentEventsError) -> EmitReceipt {
        if !services.isContended, !Emission.changesValues(drafts), let batch = try acceptAtOnce(drafts, emission) {
            if batch.accepted.isFull { await services.commit.waitForCapacity() }
            return batch.receipt
        }
        let batch = try await settled { () async throws(AgentEventsError) in try await acceptBatch(drafts, emission) }
        if batch.accepted.isFull { await services.commit.waitForCapacity() }
        return batch.receipt
    }

    // MARK: Keys

    /// Stands for a request that is made of events.
    func digest(of drafts: [EventDraft], _ request: RequestKey) throws(AgentEventsError) -> RequestDigest {
        try RequestDigest(of: drafts, for: user, detail: request.detail)
    }

    /// Begins a request with a key. Several tasks may send the same key at once: one looks it up and decides, and ends that
    /// with `keyedEmissions.finish`; the others wait for how it ends.
    ///
    /// - Returns: the receipt of one that was accepted before; `nil` when it is to be looked up.
    func begin(_ key: IdempotencyKey, _ digest: RequestDigest) async throws(AgentEventsError) -> EmitReceipt? {
        while true {
            switch keyedEmissions.begin(key, digest) {
            case .lookUp:
                return nil
            case .wait:
                await withCheckedContinuation { waiter in
                    if !keyedEmissions.wait(for: key, waiter) { waiter.resume() }
                }
            case .repeated(let receipt):
                return receipt
            case .conflict(let ids):
                throw Self.conflict(key, ids)
            }
        }
    }

    /// Has a request with a key decided once, and not again when it comes again.
    ///
    /// - Parameter decide: decides, and offers at most once; see ``settled(_:)``.
    func once<Value: KeyedDecision>(
        _ request: KeyedRequest,
        _ decide: () async throws(AgentEventsError) -> Value
    ) async throws(AgentEventsError) -> KeyedOutcome<Value> {
        let (key, digest) = (request.key, request.digest)
        if let repeated = try await begin(key, digest) { return .known(repeated) }
        let outcome: KeyedOutcome<Value>
        do throws(AgentEventsError) {
            outcome = try await settled { () async throws(AgentEventsError) in
                if let known = try await recall(key, digest) { return .known(known) }
                return .decided(try await decide())
            }
        } catch {
            for waiter in keyedEmissions.finish(key) { waiter.resume() }
            throw error
        }
        guard let batch = outcome.batch else {
            for waiter in keyedEmissions.finish(key) { waiter.resume() }
            return outcome
        }
        // The log knows the key once it is committed; until then it is known here.
        let committed = services.commit.committedPosition
        for waiter in keyedEmissions.finish(key, accepted: batch.receipt, digest, committedThrough: committed) {
            waiter.resume()
        }
        if batch.accepted.isFull { await services.commit.waitForCapacity() }
        return outcome
    }

    /// The emission that the log has under a key.
    ///
    /// - Throws: `key.conflict` when the key stands for another one. One that was logged without a digest, by an
    ///   earlier version, stands for any.
    func recall(
        _ key: IdempotencyKey,
        _ digest: RequestDigest
    ) async throws(AgentEventsError) -> EmitReceipt? {
        let known = try await mapLogError { () async throws(EventLogError) in
            try await services.log.recall(key, in: thread)
        }
        guard let known else { return nil }
        if let logged = known.digest, logged != digest { throw Self.conflict(key, known.ids) }
        return EmitReceipt(ids: known.ids, isRepeated: true, position: 0)
    }

    static func conflict(_ key: IdempotencyKey, _ known: [EventID]) -> AgentEventsError {
        let ids = known.prefix(3).map(\.description).joined(separator: ", ")
        let events = known.isEmpty ? "" : ", whose events are \(ids)\(known.count > 3 ? ", …" : "")"
        return AgentEventsError(
            .keyConflict, "the key \(key) was used for another request\(events): send this one with a key of its own")
    }

    /// The number of emissions that wait for another one with their key.
    package var waitingEmissionCount: Int { keyedEmissions.waiterCount }

    /// The number of ended runs that are remembered.
    package var rememberedRunCount: Int { path.machine.endedRuns.count }

    /// Returns when everything accepted so far is committed; not sensitive to cancellation.
    public func flush() async throws(AgentEventsError) {
        try await waitForCommit(at: services.commit.offeredPosition)
    }

    func waitForCommit(at position: UInt64) async throws(AgentEventsError) {
        try await mapLogError { () async throws(EventLogError) in
            try await services.commit.waitForCommit(of: position)
        }
    }

    /// The log takes nothing any longer.
    func logDidEnd() { path.logDidEnd() }

    /// The number of tasks that wait while their run is paused.
    package var pausedTaskCount: Int { path.waitingCount }

    /// The number of tasks that wait for an answer to a request for approval.
    package var askingTaskCount: Int { path.askingCount }

    // MARK: Time

    /// Ends what is overdue, and has the thread looked at when something else may be.
    func sweep() async throws(AgentEventsError) {
        if try await lacksExpiringValues() { try await loadSpace() }
        // Where others write too, what is overdue is ended before any decision, also before this one.
        _ = try await settled { () async throws(AgentEventsError) -> Accepted? in
            try path.sweep()
            return nil
        }
        keepForHalves()
        try await noteNextExpiry()
    }

    /// Whether something came for a run that is hosted outside since a time, and more can be expected.
    func isEmittedTo(since time: Timestamp) -> Bool { path.machine.isEmittedTo(since: time) }

    /// A half of a character that waits is not forgotten.
    func keepForHalves() {
        guard path.machine.hasHeldHalves else { return }
        keptForHalves = path.machine.holdsHalf ? self : nil
    }

    // MARK: Accepting

    /// Accepts the events of an emission, all or none.
    func acceptBatch(
        _ drafts: [EventDraft],
        _ emission: Emission
    ) async throws(AgentEventsError) -> AcceptedBatch {
        let isPrepared = try await prepareValues(for: drafts, emission)
        defer { if isPrepared { services.expiries.didDecide(thread) } }
        if let batch = try acceptAtOnce(drafts, emission) { return batch }
        return try await acceptAfterLookUp(drafts, emission)
    }

    /// - Returns: `nil` when a run has to be looked up first; then nothing changed.
    private func acceptAtOnce(_ drafts: [EventDraft], _ emission: Emission) throws(AgentEventsError) -> AcceptedBatch? {
        guard !drafts.isEmpty else { throw AgentEventsError(.emptyBatch, "a batch has at least one event") }
        if emission.author != nil {
            try path.checkLease(of: drafts, emission)
            try checkValues(in: drafts, emission)
        }
        if emission.checksAnswers { try checkAnswers(in: drafts, emission) }
        guard let batch = try path.accept(drafts, emission) else { return nil }
        keepForHalves()
        return batch
    }

    /// Asks the log about runs of which only it knows whether they were there before, and decides everything again:
    /// other events may have come meanwhile.
    private func acceptAfterLookUp(
        _ drafts: [EventDraft],
        _ emission: Emission
    ) async throws(AgentEventsError) -> AcceptedBatch {
        while true {
            let unknown = path.machine.unknownRuns(in: drafts).subtracting(emission.lookedUp.keys)
            let position = path.beginLookUp()
            defer { path.endLookUp(committedThrough: position) }
            let started = try await mapLogError { () async throws(EventLogError) in
                try await services.log.startedRuns(among: unknown, in: thread)
            }
            // Of an earlier look-up nothing is used again: it may be out of date.
            var answered = emission
            for run in unknown { answered.lookedUp[run] = started.contains(run) }
            if let batch = try acceptAtOnce(drafts, answered) { return batch }
        }
    }

    /// Events that end something which is open.
    func acceptOfOpenRuns(
        _ drafts: [EventDraft],
        at time: Timestamp,
        isLimited: Bool = true
    ) throws(AgentEventsError) -> Accepted {
        try path.checkAttempt(of: drafts)
        let accepted = try path.acceptOfOpenRuns(drafts, at: time, isLimited: isLimited)
        keepForHalves()
        return accepted
    }

    // MARK: Other writers

    /// Has an emission decided; where others write the log too, until it is committed.
    ///
    /// - Parameter decide: decides, and offers at most once. Called again when somebody else has appended first.
    func settled<Value: Decided>(
        _ decide: () async throws(AgentEventsError) -> Value
    ) async throws(AgentEventsError) -> Value {
        guard services.isContended else { return try await decide() }
        if !contention.begin() { await withCheckedContinuation { contention.wait($0) } }
        defer { contention.end()?.resume() }
        guard ownership != .foreign else { throw .forbidden(thread) }
        if contention.mustCatchUp() { try await catchUp() }
        while true {
            if try await lacksExpiringValues() { try await loadSpace() }
            if let ended = try path.endOverdue() {
                _ = contention.decided(.offered)
                if try await settle(ended.position) == .catchUp { try await catchUp() }
                continue
            }
            let decided: Value
            path.dropRefusal()
            do throws(AgentEventsError) {
                decided = try await decide()
            } catch {
                guard contention.decided(error.violation == nil ? .final : .nothing) == .catchUp else {
                    path.keepRefusal()
                    throw error
                }
                try await catchUp()
                continue
            }
            var action = contention.decided(decided.decision)
            if let position = decided.offeredPosition { action = try await settle(position) }
            if action == .answer { return decided }
            try await catchUp()
        }
    }

    /// Others have appended: tells those who wait here for a run what has become of it. Only where others write too.
    func followOthers() async throws(AgentEventsError) {
        guard path.watchesRuns else { return }
        // Nothing to log, by what was known before: the thread is read from the log.
        _ = try await settled { () async throws(AgentEventsError) -> Accepted? in nil }
    }

    /// Waits until what was offered is committed, or refused.
    private func settle(_ position: UInt64) async throws(AgentEventsError) -> ContentionAction {
        let isTaken = try await mapLogError { () async throws(EventLogError) in
            try await services.commit.waitUntilSettled(position, of: owner)
        }
        if isTaken {
            path.didSettle()
            confirmOwnership()
        }
        return contention.settled(isTaken: isTaken)
    }

    /// Makes the thread what the log says it is.
    ///
    /// - Throws: `thread.forbidden` when somebody else has opened the thread meanwhile, for another user.
    private func catchUp() async throws(AgentEventsError) {
        let hosted = path.hostedRuns
        let head = try await mapLogError { () async throws(EventLogError) -> ThreadHead? in
            guard let record = try await services.log.thread(thread) else { return ThreadHead(owner, services) }
            guard record.user == user else { return nil }
            return try await ThreadHead(record, owner, services, hosted: hosted)
        }
        guard let head else {
            ownership = .foreign
            // Nothing of it is in the log, and so nothing ends there.
            services.deadlines.remove(thread)
            throw .forbidden(thread)
        }
        if head.lastSequence > 0 { confirmOwnership() }
        path.rebuild(head)
        // The log has no halves.
        keptForHalves = nil
        contention.caughtUp()
    }
}
