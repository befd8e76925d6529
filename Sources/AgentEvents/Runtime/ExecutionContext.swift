/// One user's agent work in one thread: the only place where events of that thread are made.
///
/// The actor checks an event against the order of its run, numbers it, encodes it once, applies it and hands it to the
/// log, all in one synchronous section, so nothing can come in between: ``emit(_:)`` and everything else that makes
/// events go through it. There is at most one context for a thread; obtain it with
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
    /// The synchronous section, and the state of the thread.
    private var path: AcceptPath
    /// Itself, while a message waits with half of a character, which the log does not have: given back, the context
    /// would forget it. The end of the run ends it, and a run that is hosted outside ends when nothing comes for it.
    private var keptForHalves: ExecutionContext?
    /// The messages that `say` has open, by run.
    private var spokenMessages: [RunID: MessageID] = [:]
    private var keyedEmissions = KeyedEmissionsStateMachine<CheckedContinuation<Void, Never>>()

    init(head: ThreadHead, services: RuntimeServices) {
        self.owner = head.owner
        self.services = services
        self.path = AcceptPath(head, services, offeredPosition)
    }

    // MARK: Raw events

    /// Accepts one event: checks, numbers, encodes and enqueues it.
    ///
    /// Returns when the event is accepted and in its place, before it is committed; suspends while more than
    /// ``RuntimeConfiguration/highWaterByteCount`` wait for the log, and to look up in the log whether a run that is
    /// not open was there before. Not sensitive to cancellation.
    ///
    /// - Returns: the event's id.
    /// - Throws: ``AgentEventsError``; then nothing changed (I4).
    @discardableResult
    public func emit(_ draft: EventDraft) async throws(AgentEventsError) -> EventID {
        guard let accepted = try path.accept(draft) else {
            let looked = try await acceptAfterLookUp([draft], Emission()).accepted
            if looked.isFull { await services.commit.waitForCapacity() }
            return looked.lastID
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
        let batch = try await acceptBatch(drafts, emission)
        let accepted = batch.accepted
        let receipt = EmitReceipt(ids: batch.ids, isRepeated: false, position: accepted.position)
        if let request = emission.request {
            // The log knows the key once it is committed; until then it is known here.
            let waiters = keyedEmissions.finish(
                request.key, accepted: receipt, request.digest, committedThrough: services.commit.committedPosition)
            for waiter in waiters { waiter.resume() }
        }
        if accepted.isFull { await services.commit.waitForCapacity() }
        return receipt
    }

    /// The emission that the log has under a key.
    ///
    /// - Throws: `key.conflict` when the key stands for another one. One that was logged without a digest, by an
    ///   earlier version, stands for any.
    private func recall(
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

    private static func conflict(_ key: IdempotencyKey, _ known: [EventID]) -> AgentEventsError {
        let ids = known.prefix(3).map(\.description).joined(separator: ", ")
        return AgentEventsError(
            .keyConflict,
            "the key \(key) was used for another request, whose events are \(ids)\(known.count > 3 ? ", …" : ""): "
                + "send this one with a key of its own")
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

    // MARK: What runs do

    /// - Parameters:
    ///   - isNew: whether the id is one that nobody can have used before; it is not looked up.
    ///   - usage: what the run will have used. Whichever way it ends, its end says it.
    func start(
        _ run: RunID,
        isNew: Bool,
        agent: AgentName,
        _ started: AgentStarted,
        usage: RunUsage
    ) async throws(AgentEventsError) {
        let emission = Emission(lookedUp: isNew ? [run: false] : [:])
        let draft = EventDraft(runID: run, agent: agent, .agentStarted(started))
        let accepted = try await accept(draft, emission)
        path.setUsage(usage, of: run)
        if accepted.isFull { await services.commit.waitForCapacity() }
    }

    /// Appends to the run's spoken message, opening one if there is none.
    ///
    /// - Parameter message: the message to append to. When it is not the spoken one, that one is completed and this one
    ///   takes its place.
    func say(_ text: String, message: MessageID? = nil, run: RunID) async throws(AgentEventsError) {
        let spoken = spokenMessages[run]
        let message = message ?? spoken ?? services.configuration.identifiers.messageID()
        let draft = EventDraft(runID: run, .messageDelta(MessageDelta(messageID: message, text: text)))
        let accepted: Accepted
        if spoken == nil || spoken == message, let now = try path.accept(draft) {
            accepted = now
            if now.hasHeldHalves { keepForHalves() }
        } else if spoken == nil || spoken == message {
            accepted = try await acceptAfterLookUp([draft], Emission()).accepted
        } else {
            accepted = try await accept(completionOfSpokenMessage(of: run) + [draft])
        }
        spokenMessages[run] = message
        if accepted.isFull { await services.commit.waitForCapacity() }
    }

    /// Emits the first fragment of a message that is not the run's spoken one; that one is completed first.
    func beginMessage(_ message: MessageID, _ text: String, run: RunID) async throws(AgentEventsError) {
        let draft = EventDraft(runID: run, .messageDelta(MessageDelta(messageID: message, text: text)))
        let accepted = try await accept(completionOfSpokenMessage(of: run) + [draft])
        spokenMessages[run] = nil
        if accepted.isFull { await services.commit.waitForCapacity() }
    }

    /// The event that completes the spoken message of a run; none when there is no such message, or it is not open.
    private func completionOfSpokenMessage(of run: RunID) -> [EventDraft] {
        guard let message = spokenMessages[run], let text = path.machine.openMessageText(message, in: run) else {
            return []
        }
        return [EventDraft(runID: run, .messageCompleted(MessageCompleted(messageID: message, text: text)))]
    }

    /// - Returns: the whole text of the message.
    @discardableResult
    func completeMessage(_ message: MessageID, run: RunID) async throws(AgentEventsError) -> String {
        let text = path.machine.openMessageText(message, in: run) ?? ""
        try await emit(
            EventDraft(
                runID: run, .messageCompleted(MessageCompleted(messageID: message, role: .assistant, text: text))))
        return text
    }

    /// The text of an open message so far; `nil` when it is not open.
    package func openMessageText(_ message: MessageID, in run: RunID) -> String? {
        path.machine.openMessageText(message, in: run)
    }

    /// Completes a message whose text has come to an early end. One that is not open, or belongs to a run that is
    /// paused, is left as it is: the end of the run completes it.
    ///
    /// - Throws: ``AgentEventsError`` when the log fails.
    func endMessage(_ message: MessageID, run: RunID) throws(AgentEventsError) {
        let time = try path.begin()
        guard let text = path.machine.openMessageText(message, in: run) else { return }
        let completed = EventDraft(runID: run, .messageCompleted(MessageCompleted(messageID: message, text: text)))
        do throws(AgentEventsError) {
            try acceptOfOpenRuns([completed], at: time)
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
        let accepted = try await accept(drafts)
        forget(run)
        return accepted.position
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
        let time = try path.begin()
        guard path.machine.isOpen(run) else {
            forget(run)
            return nil
        }
        let accepted = try acceptOfOpenRuns([.measured(run, payload)], at: time, isLimited: false)
        forget(run)
        return accepted.position
    }

    /// Forgets a run that has ended.
    private func forget(_ run: RunID) {
        spokenMessages[run] = nil
        path.setUsage(nil, of: run)
    }

    /// Ends all open runs that this process hosts, and with them their children. Those that are hosted outside stay
    /// open.
    func cancelHostedRuns(reason: String) throws(AgentEventsError) {
        for run in path.machine.openHostedRuns { _ = try cancel(run, reason: reason, by: nil) }
    }

    /// Ends a tool call without a result.
    ///
    /// - Returns: `false` when it has ended before.
    func endTool(_ completed: ToolCompleted, run: RunID) throws(AgentEventsError) -> Bool {
        let time = try path.begin()
        guard path.machine.openedTime(ofCall: completed.callID, in: run) != nil else { return false }
        try acceptOfOpenRuns([.measured(run, .toolCompleted(completed))], at: time)
        return true
    }

    // MARK: Time

    /// Ends what is overdue, and has the thread looked at when something else may be.
    func sweep() throws(AgentEventsError) {
        try path.sweep()
        keepForHalves()
    }

    /// Whether something came for a run that is hosted outside since a time, and more can be expected.
    func isEmittedTo(since time: Timestamp) -> Bool { path.machine.isEmittedTo(since: time) }

    /// A half of a character that waits is not forgotten.
    private func keepForHalves() {
        guard path.machine.hasHeldHalves else { return }
        keptForHalves = path.machine.holdsHalf ? self : nil
    }

    // MARK: Accepting

    /// Accepts one event.
    private func accept(_ draft: EventDraft, _ emission: Emission) async throws(AgentEventsError) -> Accepted {
        try await acceptBatch([draft], emission).accepted
    }

    /// Accepts several events, all or none.
    private func accept(_ drafts: [EventDraft]) async throws(AgentEventsError) -> Accepted {
        try await acceptBatch(drafts, Emission()).accepted
    }

    private func acceptBatch(
        _ drafts: [EventDraft],
        _ emission: Emission
    ) async throws(AgentEventsError) -> AcceptedBatch {
        guard !drafts.isEmpty else { throw AgentEventsError(.emptyBatch, "a batch has at least one event") }
        guard let batch = try path.accept(drafts, emission) else {
            return try await acceptAfterLookUp(drafts, emission)
        }
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
            if let batch = try path.accept(drafts, answered) {
                keepForHalves()
                return batch
            }
        }
    }

    /// Events that end something which is open.
    @discardableResult
    private func acceptOfOpenRuns(
        _ drafts: [EventDraft],
        at time: Timestamp,
        isLimited: Bool = true
    ) throws(AgentEventsError) -> Accepted {
        let accepted = try path.acceptOfOpenRuns(drafts, at: time, isLimited: isLimited)
        keepForHalves()
        return accepted
    }
}
