/// One user's agent work in one thread: the only place where events of that thread are made.
///
/// The actor checks an event against the order of its run, numbers it, encodes it once, applies it and hands it to the log,
/// all in one synchronous section, so nothing can come in between: ``emit(_:)`` and everything else that makes events go
/// through it. There is at most one context for a thread; it is had from
/// ``AgentRuntime/context(user:thread:)``.
public actor ExecutionContext {
    /// The user the thread belongs to.
    public nonisolated var user: UserID { owner.user }
    /// The thread.
    public nonisolated var thread: ThreadID { owner.thread }

    nonisolated let owner: ThreadOwner
    nonisolated let services: RuntimeServices
    /// Up to where this context has offered events.
    nonisolated let offeredPosition = OfferedPosition()
    private var head: ThreadHead
    /// Whether the log has refused an emission. It refuses everything from then on, and so does this context, before it looks
    /// at its state: the same request is always told the same reason. Nothing depends on it but the answer; what was refused
    /// was rolled back (I4).
    private var isRefused = false
    /// When the thread is to be looked at because something may be overdue.
    private var sweptAt = ThreadStateMachine.never
    /// Itself, while a message waits with half of a character, which the log does not have: given back, the context would
    /// forget it. The end of the run ends it, and a run that is hosted outside ends when nothing comes for it.
    private var keptForHalves: ExecutionContext?
    /// The messages that `say` has open, by run.
    private var spokenMessages: [RunID: MessageID] = [:]
    /// What the open runs of scopes have used.
    private var usages: [RunID: RunUsage] = [:]
    private var keyedEmissions = KeyedEmissionsStateMachine<CheckedContinuation<Void, Never>>()

    init(head: ThreadHead, services: RuntimeServices) {
        self.owner = head.owner
        self.services = services
        self.head = head
        let deadline = head.machine.deadline
        if deadline < sweptAt {
            sweptAt = deadline
            services.deadlines.set(owner, at: deadline)
        }
    }

    // MARK: Raw events

    /// Accepts one event: checks, numbers, encodes and enqueues it.
    ///
    /// Returns when the event is accepted and in its place, before it is committed; suspends while more than
    /// ``RuntimeConfiguration/highWaterByteCount`` wait for the log, and to look up in the log whether a run that is not open
    /// was there before. Not sensitive to cancellation.
    ///
    /// - Returns: the event's id.
    /// - Throws: ``AgentEventsError``; then nothing changed (I4).
    @discardableResult
    public func emit(_ draft: EventDraft) async throws(AgentEventsError) -> EventID {
        // Not by way of `accept`, which is asynchronous: this is the path of nearly every event.
        let accepted: Accepted
        if let now = try accept(draft, Emission(), at: try beginSection()) {
            accepted = now
        } else {
            accepted = try await acceptAfterLookUp([draft], Emission())
        }
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
        return accepted.lastID
    }

    /// Accepts several events, all or none, next to each other.
    ///
    /// - Parameters:
    ///   - drafts: at least one.
    ///   - key: the same key again within 24 hours answers with the same ids and logs nothing, also after a restart. With
    ///     other events it is refused with `key.conflict`.
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
    package func emit(
        _ drafts: [EventDraft],
        as request: RequestKey?,
        host: RunHost = .process
    ) async throws(AgentEventsError) -> EmitReceipt {
        var emission = Emission(host: host, isIndexed: true)
        guard let request else { return try await emit(drafts, emission) }
        let key = request.key
        let digest = try RequestDigest(of: drafts, for: user, detail: request.detail)
        emission.request = KeyedRequest(key: key, digest: digest)
        // Several tasks may send the same key at once: one looks it up and emits, the others wait for how that ends.
        beginning: while true {
            switch keyedEmissions.begin(key, digest) {
            case .lookUp:
                break beginning
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
        let waiters: [CheckedContinuation<Void, Never>]
        let result: Result<EmitReceipt, AgentEventsError>
        do throws(AgentEventsError) {
            if let known = try await recall(key, digest) {
                result = .success(known)
                waiters = keyedEmissions.finish(key)
            } else {
                let receipt = try await emit(drafts, emission)
                result = .success(receipt)
                waiters = []
            }
        } catch {
            result = .failure(error)
            waiters = keyedEmissions.finish(key)
        }
        for waiter in waiters { waiter.resume() }
        return try result.get()
    }

    /// Several events, as they are asked for.
    private func emit(_ drafts: [EventDraft], _ emission: Emission) async throws(AgentEventsError) -> EmitReceipt {
        let accepted = try await accept(drafts, emission)
        let receipt = EmitReceipt(ids: accepted.ids, isRepeated: false, position: accepted.offer.position)
        if let request = emission.request {
            // The log knows the key once it is committed; until then it is known here.
            let waiters = keyedEmissions.finish(
                request.key, accepted: receipt, request.digest, committedThrough: services.commit.committedPosition)
            for waiter in waiters { waiter.resume() }
        }
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
        return receipt
    }

    /// The emission that the log has under a key.
    ///
    /// - Throws: `key.conflict` when the key stands for another one. One that was logged without a digest, by an earlier
    ///   version, stands for any.
    private func recall(
        _ key: IdempotencyKey,
        _ digest: RequestDigest
    ) async throws(AgentEventsError) -> EmitReceipt? {
        let known = try await thrownByLog { () async throws(EventLogError) in
            try await services.log.recall(key, in: thread)
        }
        guard let known else { return nil }
        if let logged = known.digest, logged != digest { throw Self.conflict(key, known.ids) }
        return EmitReceipt(ids: known.ids, isRepeated: true, position: 0)
    }

    private static func conflict(_ key: IdempotencyKey, _ known: [EventID]) -> AgentEventsError {
        let ids = known.prefix(3).map(\.description).joined(separator: ", ")
        return AgentEventsError(
            .keyConflict,
            "the key \(key) was used for another request, whose events are \(ids)\(known.count > 3 ? ", …" : ""): "
                + "send this one with a key of its own")
    }

    /// How many emissions wait for another one with their key.
    package var waitingEmissionCount: Int { keyedEmissions.waiterCount }

    /// How many runs that have ended are remembered.
    package var rememberedRunCount: Int { head.machine.endedRuns.count }

    /// Returns when everything accepted so far is committed; not sensitive to cancellation.
    public func flush() async throws(AgentEventsError) {
        try await waitForCommit(at: services.commit.offeredPosition)
    }

    func waitForCommit(at position: UInt64) async throws(AgentEventsError) {
        try await thrownByLog { () async throws(EventLogError) in
            try await services.commit.waitForCommit(of: position)
        }
    }

    // MARK: What runs do

    /// - Parameters:
    ///   - isNew: whether the id is one that nobody can have used before; it is not looked up.
    ///   - usage: what the run will have used. Whichever way it ends, its end says it, and the end of its parent adds it up.
    func start(
        _ run: RunID,
        isNew: Bool,
        agent: AgentName,
        _ started: AgentStarted,
        usage: RunUsage
    ) async throws(AgentEventsError) -> RunStart {
        let emission = Emission(lookedUp: isNew ? [run: false] : [:])
        let draft = EventDraft(run: run, agent: agent, .agentStarted(started))
        let accepted = try await accept(draft, emission)
        usages[run] = usage
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
        return RunStart(id: accepted.lastID, position: accepted.offer.position)
    }

    /// Appends to the run's spoken message, opening one if there is none.
    ///
    /// - Parameter message: the message to append to. When it is not the spoken one, that one is completed and this one takes
    ///   its place.
    func say(_ text: String, message: MessageID? = nil, run: RunID) async throws(AgentEventsError) {
        let spoken = spokenMessages[run]
        let message = message ?? spoken ?? services.configuration.identifiers.messageID()
        let draft = EventDraft(run: run, .messageDelta(MessageDelta(message: message, text: text)))
        let accepted: Accepted
        if spoken == nil || spoken == message {
            accepted = try await accept(draft, Emission())
        } else {
            accepted = try await accept(completionOfSpokenMessage(of: run) + [draft], Emission())
        }
        spokenMessages[run] = message
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
    }

    /// Emits the first fragment of a message that is not the run's spoken one; that one is completed first.
    func beginMessage(_ message: MessageID, _ text: String, run: RunID) async throws(AgentEventsError) {
        let draft = EventDraft(run: run, .messageDelta(MessageDelta(message: message, text: text)))
        let accepted = try await accept(completionOfSpokenMessage(of: run) + [draft], Emission())
        spokenMessages[run] = nil
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
    }

    /// The event that completes the spoken message of a run; none when there is no such message, or it is not open.
    private func completionOfSpokenMessage(of run: RunID) -> [EventDraft] {
        guard let message = spokenMessages[run], let text = head.machine.openMessageText(message, in: run) else {
            return []
        }
        return [EventDraft(run: run, .messageCompleted(MessageCompleted(message: message, text: text)))]
    }

    /// - Returns: the whole text of the message.
    @discardableResult
    func completeMessage(_ message: MessageID, run: RunID) async throws(AgentEventsError) -> String {
        let text = head.machine.openMessageText(message, in: run) ?? ""
        try await emit(
            EventDraft(run: run, .messageCompleted(MessageCompleted(message: message, role: .assistant, text: text))))
        return text
    }

    /// The text of an open message so far; `nil` when it is not open.
    package func openMessageText(_ message: MessageID, in run: RunID) -> String? {
        head.machine.openMessageText(message, in: run)
    }

    /// Completes a message whose text has come to an early end. One that is not open, or belongs to a run that is paused,
    /// is left as it is: the end of the run completes it.
    ///
    /// - Throws: ``AgentEventsError`` when the log fails.
    func endMessage(_ message: MessageID, run: RunID) throws(AgentEventsError) {
        let time = try beginSection()
        guard let text = head.machine.openMessageText(message, in: run) else { return }
        let completed = EventDraft(run: run, .messageCompleted(MessageCompleted(message: message, text: text)))
        do throws(AgentEventsError) {
            _ = try acceptOfOpenRuns([completed], at: time)
        } catch  where error.violation != nil {
            return
        }
    }

    func completeTool(_ completed: ToolCompleted, run: RunID) async throws(AgentEventsError) {
        try await emit(.measured(run, .toolCompleted(completed)))
    }

    /// Ends a run well; a message that `say` left open is completed with it.
    func complete(_ run: RunID, result: JSONValue?) async throws(AgentEventsError) -> UInt64 {
        var drafts = completionOfSpokenMessage(of: run)
        let completed = AgentCompleted(result: result, durationMilliseconds: 0)
        drafts.append(.measured(run, .agentCompleted(completed)))
        let accepted = try await accept(drafts, Emission())
        forget(run)
        return accepted.offer.position
    }

    /// Ends a run as failed.
    ///
    /// - Returns: the position to wait for; `nil` when the run has ended before.
    func fail(_ run: RunID, _ failure: RunFailure) throws(AgentEventsError) -> UInt64? {
        try end(run, .agentFailed(AgentFailed(error: failure, durationMilliseconds: 0)))
    }

    /// Ends a run as cancelled.
    ///
    /// - Returns: the position to wait for; `nil` when the run has ended before.
    func cancel(_ run: RunID, reason: String?, by user: UserID?) throws(AgentEventsError) -> UInt64? {
        try end(run, .agentCancelled(AgentCancelled(reason: reason, by: user, durationMilliseconds: 0)))
    }

    /// Looks and ends in one step, so that nobody else ends the run in between. An end fits whatever the limit (I7).
    private func end(_ run: RunID, _ payload: EventPayload) throws(AgentEventsError) -> UInt64? {
        let time = try beginSection()
        guard head.machine.isOpen(run) else {
            forget(run)
            return nil
        }
        let accepted = try acceptOfOpenRuns([.measured(run, payload)], at: time, isLimited: false)
        forget(run)
        return accepted.offer.position
    }

    /// What is kept for a run that has ended.
    private func forget(_ run: RunID) {
        spokenMessages[run] = nil
        usages[run] = nil
    }

    /// Ends all open runs that this process hosts, and with them their children. Those that are hosted outside stay open.
    func cancelHostedRuns(reason: String) throws(AgentEventsError) {
        for run in head.machine.openHostedRuns { _ = try cancel(run, reason: reason, by: nil) }
    }

    /// Ends a tool call without a result.
    ///
    /// - Returns: `false` when it has ended before.
    func endTool(_ completed: ToolCompleted, run: RunID) throws(AgentEventsError) -> Bool {
        let time = try beginSection()
        guard head.machine.openedTime(ofCall: completed.call, in: run) != nil else { return false }
        _ = try acceptOfOpenRuns([.measured(run, .toolCompleted(completed))], at: time)
        return true
    }

    // MARK: Time

    /// Ends what is overdue, and has the thread looked at when something else may be.
    func sweep() throws(AgentEventsError) {
        // The table has the thread no longer.
        sweptAt = ThreadStateMachine.never
        _ = try beginSection()
        setSweep()
    }

    /// Whether something came for a run that is hosted outside since a time, and more is to be expected.
    func isEmittedTo(since time: Timestamp) -> Bool { head.machine.isEmittedTo(since: time) }

    /// The time of the next event: now, but never before the last one's.
    private func time() -> Timestamp { max(services.environment.wallClock.now(), head.lastTime) }

    /// Logs the end of what is over at a time, before anything else is decided: that the sweep has not come yet changes
    /// nothing.
    private func endOverdue(at time: Timestamp) throws(AgentEventsError) {
        guard head.machine.deadline <= time else { return }
        let drafts = head.takeOverdue(at: time)
        guard !drafts.isEmpty else { return }
        do throws(AgentEventsError) {
            _ = try acceptOfOpenRuns(drafts, at: time, isLimited: false)
        } catch {
            // It is still to be ended.
            head.lookAgain(at: time)
            throw error
        }
    }

    /// The sweep comes no later than something is overdue, and a half of a character that waits is not forgotten.
    private func setSweep() {
        if head.machine.hasHeldHalves { keptForHalves = head.machine.holdsHalf ? self : nil }
        let deadline = head.machine.deadline
        if deadline < sweptAt {
            sweptAt = deadline
            services.deadlines.set(owner, at: sweptAt)
        } else if deadline == ThreadStateMachine.never, sweptAt != ThreadStateMachine.never {
            sweptAt = ThreadStateMachine.never
            services.deadlines.remove(thread)
        }
    }

    // MARK: The synchronous section

    /// What an emission asks for besides its events.
    private struct Emission {
        var host = RunHost.process
        var request: KeyedRequest?
        /// Whether it is one of several events: an error says which is at fault, and all ids are told.
        var isIndexed = false
        /// Whether the events are refused when they are too large.
        var isLimited = true
        /// Of runs that are not open, whether the log had one of that id.
        var lookedUp: [RunID: Bool] = [:]
    }

    private struct KeyedRequest {
        var key: IdempotencyKey
        var digest: RequestDigest
    }

    private struct Accepted {
        var lastID: EventID
        /// All of them, where they are asked for.
        var ids: [EventID]
        var offer: GroupCommit.Offer
    }

    /// Accepts one event. It goes the way of many, but for the array.
    private func accept(_ draft: EventDraft, _ emission: Emission) async throws(AgentEventsError) -> Accepted {
        if let accepted = try accept(draft, emission, at: try beginSection()) { return accepted }
        return try await acceptAfterLookUp([draft], emission)
    }

    /// Accepts the events of an emission, all or none.
    private func accept(_ drafts: [EventDraft], _ emission: Emission) async throws(AgentEventsError) -> Accepted {
        guard !drafts.isEmpty else { throw AgentEventsError(.emptyBatch, "a batch has at least one event") }
        if let accepted = try accept(drafts, emission, at: try beginSection()) { return accepted }
        return try await acceptAfterLookUp(drafts, emission)
    }

    /// Asks the log about runs of which only it knows whether they were there before, and decides everything again: other
    /// events may have come meanwhile.
    private func acceptAfterLookUp(
        _ drafts: [EventDraft],
        _ emission: Emission
    ) async throws(AgentEventsError) -> Accepted {
        while true {
            let unknown = head.machine.unknownRuns(in: drafts).subtracting(emission.lookedUp.keys)
            // A run that ends from here on is remembered until a look-up is sure to find it.
            let position = services.commit.committedPosition
            head.beginLookUp(committedThrough: position)
            defer { head.endLookUp(committedThrough: position) }
            let started = try await thrownByLog { () async throws(EventLogError) in
                try await services.log.startedRuns(among: unknown, in: thread)
            }
            // Of an earlier look-up nothing is used again: it may be out of date.
            var answered = emission
            for run in unknown { answered.lookedUp[run] = started.contains(run) }
            if let accepted = try accept(drafts, answered, at: try beginSection()) { return accepted }
        }
    }

    /// What comes before every decision.
    ///
    /// - Returns: the time of the events; nothing is overdue then.
    private func beginSection() throws(AgentEventsError) -> Timestamp {
        try throwIfLogRefuses()
        let time = time()
        try endOverdue(at: time)
        return time
    }

    /// Events that end something which is open, and so name no run that has to be looked up.
    private func acceptOfOpenRuns(
        _ drafts: [EventDraft],
        at time: Timestamp,
        isLimited: Bool = true
    ) throws(AgentEventsError) -> Accepted {
        guard let accepted = try accept(drafts, Emission(isLimited: isLimited), at: time) else {
            preconditionFailure("a run that is open is not looked up")
        }
        return accepted
    }

    /// The synchronous section, of one event: check, number, encode, apply, enqueue.
    ///
    /// - Returns: `nil` when a run has to be looked up first; then nothing changed.
    private func accept(
        _ draft: EventDraft,
        _ emission: Emission,
        at time: Timestamp
    ) throws(AgentEventsError) -> Accepted? {
        var batch = head.begin(at: time)
        guard try append(draft, index: 0, emission, to: &batch) else { return nil }
        return try offer(&batch, emission)
    }

    /// The synchronous section: check, number, encode and apply each event, and enqueue them all.
    ///
    /// - Returns: `nil` when a run has to be looked up first; then nothing changed.
    private func accept(
        _ drafts: [EventDraft],
        _ emission: Emission,
        at time: Timestamp
    ) throws(AgentEventsError) -> Accepted? {
        var batch = head.begin(at: time)
        let drafts = drafts.span
        for index in drafts.indices {
            guard try append(drafts[index], index: index, emission, to: &batch) else { return nil }
        }
        return try offer(&batch, emission)
    }

    /// - Returns: whether the event is in the batch; if not, or when it throws, everything is as it was before the batch.
    private func append(
        _ draft: EventDraft,
        index: Int,
        _ emission: Emission,
        to batch: inout ThreadHead.Batch
    ) throws(AgentEventsError) -> Bool {
        do throws(ThreadHead.Refusal) {
            try head.accept(
                draft, host: emission.host, isLimited: emission.isLimited, lookedUp: emission.lookedUp, usages: usages,
                in: &batch)
            return true
        } catch {
            head.rollBack(batch)
            switch error {
            case .needsLookUp:
                return false
            case .refused(var error):
                if emission.isIndexed { error.index = index }
                throw error
            }
        }
    }

    /// Hands a batch over to the log; or, when that takes nothing any longer, takes it back.
    private func offer(
        _ batch: inout ThreadHead.Batch,
        _ emission: Emission
    ) throws(AgentEventsError) -> Accepted {
        let ids = emission.isIndexed ? batch.ids : []
        let offer: GroupCommit.Offer
        do throws(EventLogError) {
            if let request = emission.request {
                let keyed = KeyedEvents(key: request.key, thread: thread, ids: ids, digest: request.digest)
                offer = try services.commit.offer(batch.entries, key: keyed)
            } else if batch.entries.count == 1 {
                offer = try services.commit.offer(batch.takeOnlyEntry())
            } else {
                offer = try services.commit.offer(batch.entries, key: nil)
            }
        } catch {
            head.rollBack(batch)
            isRefused = true
            throw AgentEventsError(error)
        }
        offeredPosition.didOffer(upTo: offer.position)
        head.keep(batch, offeredAt: offer.position, committed: { services.commit.committedPosition })
        setSweep()
        return Accepted(lastID: head.lastID, ids: ids, offer: offer)
    }

    private func throwIfLogRefuses() throws(AgentEventsError) {
        if isRefused, let refusal = services.commit.refusal { throw AgentEventsError(refusal) }
    }
}
