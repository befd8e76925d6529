/// One user's agent work in one thread: the only place where events of that thread are made.
///
/// The actor checks an event against the order of its run, numbers it, encodes it once and hands it to the log, all in
/// one synchronous section, so nothing can come in between. There is at most one context for a thread; it is had from
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
    private var machine: ThreadStateMachine
    private var lastSequence: UInt64
    private var lastTime: Timestamp
    /// Whether the log has refused what the machine had accepted. It refuses everything from then on, and so does this
    /// context before it looks at its state (I4): taking the event back would cost every other event a copy.
    private var isRefused = false
    /// When the thread is to be looked at because something may be overdue.
    private var sweptAt = ThreadStateMachine.never
    /// Itself, while a message waits with half of a character, which the log does not have: given back, the context would
    /// forget it. The end of the run ends it, and a run that is hosted outside ends when nothing comes for it.
    private var keptForHalves: ExecutionContext?
    /// The messages that `say` has open, by run.
    private var spokenMessages: [RunID: MessageID] = [:]
    /// Requests with an idempotency key that are being looked up, and who waits for them.
    private var keyedRequests: [IdempotencyKey: [CheckedContinuation<Void, Never>]] = [:]
    /// Requests with an idempotency key that may not be committed yet.
    private var uncommittedKeys: [IdempotencyKey: UncommittedRequest] = [:]

    init(owner: ThreadOwner, services: RuntimeServices, rebuilt: RebuiltThread) {
        self.owner = owner
        self.services = services
        self.machine = rebuilt.machine
        self.lastSequence = rebuilt.lastSequence
        self.lastTime = rebuilt.lastTime
        if machine.deadline < sweptAt {
            sweptAt = machine.deadline
            services.deadlines.set(owner, at: machine.deadline)
        }
    }

    // MARK: Raw events

    /// Accepts one event: checks, numbers, encodes and enqueues it.
    ///
    /// Returns when the event is accepted and in its place, before it is committed; suspends while more than
    /// ``RuntimeConfiguration/highWaterByteCount`` wait for the log. Not sensitive to cancellation.
    ///
    /// - Returns: the event's id.
    /// - Throws: ``AgentEventsError``; then nothing changed (I4).
    @discardableResult
    public func emit(_ draft: EventDraft) async throws(AgentEventsError) -> EventID {
        let accepted = try accept(draft)
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
        return accepted.id
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
        guard let request else { return try await emit(drafts, keyed: nil, host: host) }
        let key = request.key
        let digest = try RequestDigest(of: drafts, for: user, detail: request.detail)
        // Several tasks may send the same key at once: one looks it up and emits, the others wait for how that ends.
        while keyedRequests[key] != nil {
            await withCheckedContinuation { keyedRequests[key]?.append($0) }
        }
        if let known = uncommittedKeys[key] {
            try Self.check(known.request, isFor: digest, key)
            return known.receipt.repeated
        }
        keyedRequests[key] = []
        defer { for waiter in keyedRequests.removeValue(forKey: key) ?? [] { waiter.resume() } }
        let known = try await thrownByLog { () async throws(EventLogError) in
            try await services.log.recall(key, in: thread)
        }
        if let known {
            try Self.check(known, isFor: digest, key)
            return EmitReceipt(ids: known.ids, isRepeated: true, position: 0)
        }
        let receipt = try await emit(drafts, keyed: RequestName(key: key, digest: digest), host: host)
        remember(UncommittedRequest(receipt: receipt, digest: digest), key)
        return receipt
    }

    private struct UncommittedRequest {
        var receipt: EmitReceipt
        var digest: RequestDigest

        var request: RecalledRequest { RecalledRequest(ids: receipt.ids, digest: digest) }
    }

    private struct RequestName {
        var key: IdempotencyKey
        var digest: RequestDigest
    }

    /// - Throws: `key.conflict` when the key stands for another request. One that was logged without a digest, by an earlier
    ///   version, stands for any.
    private static func check(
        _ known: RecalledRequest,
        isFor digest: RequestDigest,
        _ key: IdempotencyKey
    ) throws(AgentEventsError) {
        guard let logged = known.digest, logged != digest else { return }
        let ids = known.ids.prefix(3).map(\.description).joined(separator: ", ")
        throw AgentEventsError(
            .keyConflict,
            "the key \(key) was used for another request, whose events are \(ids)\(known.ids.count > 3 ? ", …" : ""): "
                + "send this one with a key of its own")
    }

    /// The log knows a key once it is committed; until then it is known here.
    private func remember(_ request: UncommittedRequest, _ key: IdempotencyKey) {
        if uncommittedKeys.count >= 16 {
            let committed = services.commit.committedPosition
            uncommittedKeys = uncommittedKeys.filter { $0.value.receipt.position > committed }
        }
        uncommittedKeys[key] = request
    }

    private func emit(
        _ drafts: [EventDraft],
        keyed request: RequestName?,
        host: RunHost
    ) async throws(AgentEventsError) -> EmitReceipt {
        let accepted = try accept(drafts, key: request, host: host)
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
        return EmitReceipt(ids: accepted.ids, isRepeated: false, position: accepted.offer.position)
    }

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

    func start(_ run: RunID, agent: AgentName, _ started: AgentStarted) async throws(AgentEventsError) {
        try await emit(EventDraft(run: run, agent: agent, .agentStarted(started)))
    }

    /// Appends to the run's spoken message, opening one if there is none.
    func say(_ text: String, run: RunID) async throws(AgentEventsError) {
        let message = spokenMessages[run] ?? services.configuration.identifiers.messageID()
        let accepted = try accept(EventDraft(run: run, .messageDelta(MessageDelta(message: message, text: text))))
        spokenMessages[run] = message
        if accepted.offer.isFull { await services.commit.waitForCapacity() }
    }

    func completeMessage(_ message: MessageID, run: RunID) async throws(AgentEventsError) {
        let text = machine.openMessageText(message, in: run) ?? ""
        try await emit(
            EventDraft(run: run, .messageCompleted(MessageCompleted(message: message, role: .assistant, text: text))))
    }

    func completeTool(_ completed: ToolCompleted, run: RunID) async throws(AgentEventsError) {
        var completed = completed
        let now = time()
        let opened = machine.openedTime(ofCall: completed.call, in: run) ?? now
        completed.durationMilliseconds = now.milliseconds(since: opened)
        try await emit(EventDraft(run: run, .toolCompleted(completed)))
    }

    /// Ends a run well; a message that `say` left open is completed with it.
    func complete(_ run: RunID, result: JSONValue?, usage: TokenUsage?) async throws(AgentEventsError) -> UInt64 {
        var drafts: [EventDraft] = []
        if let message = spokenMessages[run], let text = machine.openMessageText(message, in: run) {
            drafts.append(EventDraft(run: run, .messageCompleted(MessageCompleted(message: message, text: text))))
        }
        let completed = AgentCompleted(result: result, usage: usage, durationMilliseconds: duration(of: run))
        drafts.append(EventDraft(run: run, .agentCompleted(completed)))
        let accepted = try accept(drafts, key: nil, host: .process)
        spokenMessages[run] = nil
        return accepted.offer.position
    }

    /// Ends a run as failed.
    ///
    /// - Returns: the position to wait for; `nil` when the run has ended before.
    func fail(_ run: RunID, _ failure: RunFailure) throws(AgentEventsError) -> UInt64? {
        try end(run, .agentFailed(AgentFailed(error: failure, durationMilliseconds: duration(of: run))))
    }

    /// Ends a run as cancelled.
    ///
    /// - Returns: the position to wait for; `nil` when the run has ended before.
    func cancel(_ run: RunID, reason: String?, by user: UserID?) throws(AgentEventsError) -> UInt64? {
        let cancelled = AgentCancelled(reason: reason, by: user, durationMilliseconds: duration(of: run))
        return try end(run, .agentCancelled(cancelled))
    }

    /// Looks and ends in one step, so that nobody else ends the run in between. An end fits whatever the limit (I7).
    private func end(_ run: RunID, _ payload: EventPayload) throws(AgentEventsError) -> UInt64? {
        try checkIsTaken()
        let time = time()
        try endOverdue(at: time)
        guard machine.isOpen(run) else { return nil }
        let accepted = try acceptInTime(
            [EventDraft(run: run, payload)], key: nil, at: time, indexed: false, limited: false)
        spokenMessages[run] = nil
        return accepted.offer.position
    }

    /// Ends all open runs that this process hosts, and with them their children. Those that are hosted outside stay open.
    func cancelHostedRuns(reason: String) throws(AgentEventsError) {
        for run in machine.openHostedRuns { _ = try cancel(run, reason: reason, by: nil) }
    }

    /// Ends a tool call without a result.
    ///
    /// - Returns: `false` when it has ended before.
    func endTool(_ completed: ToolCompleted, run: RunID) throws(AgentEventsError) -> Bool {
        try checkIsTaken()
        let time = time()
        try endOverdue(at: time)
        guard let opened = machine.openedTime(ofCall: completed.call, in: run) else { return false }
        var completed = completed
        completed.durationMilliseconds = time.milliseconds(since: opened)
        _ = try acceptInTime(EventDraft(run: run, .toolCompleted(completed)), .toolCompleted, at: time)
        return true
    }

    // MARK: Time

    /// Ends what is overdue, and has the thread looked at when something else may be.
    func sweep() throws(AgentEventsError) {
        // The table has the thread no longer.
        sweptAt = ThreadStateMachine.never
        try checkIsTaken()
        try endOverdue(at: time())
        setSweep()
    }

    /// Whether something came for a run that is hosted outside since a time, and more is to be expected.
    func isEmittedTo(since time: Timestamp) -> Bool { machine.isEmittedTo(since: time) }

    /// Logs the end of what is over at a time, before anything else is decided: that the sweep has not come yet changes
    /// nothing.
    private func endOverdue(at time: Timestamp) throws(AgentEventsError) {
        guard machine.deadline <= time else { return }
        let drafts = machine.takeOverdue(at: time).map { overdue in
            switch overdue {
            case .approval(let approval, let run):
                EventDraft(
                    run: run, .approvalResolved(ApprovalResolved(approval: approval, decision: .expired)))
            case .idle(let root, let milliseconds):
                EventDraft(
                    run: root,
                    .agentFailed(
                        AgentFailed(error: .lost(after: milliseconds), durationMilliseconds: duration(of: root))))
            }
        }
        guard !drafts.isEmpty else { return }
        do throws(AgentEventsError) {
            _ = try acceptInTime(drafts, key: nil, at: time, indexed: false, limited: false)
        } catch {
            // It is still to be ended.
            machine.lookAgain(at: time)
            throw error
        }
    }

    /// The sweep comes no later than something is overdue, and a half of a character that waits is not forgotten.
    private func setSweep() {
        if machine.hasHeldHalves { keptForHalves = machine.holdsHalf ? self : nil }
        if machine.deadline < sweptAt {
            sweptAt = machine.deadline
            services.deadlines.set(owner, at: sweptAt)
        } else if machine.deadline == ThreadStateMachine.never, sweptAt != ThreadStateMachine.never {
            sweptAt = ThreadStateMachine.never
            services.deadlines.remove(thread)
        }
    }

    // MARK: The synchronous section

    private struct Accepted {
        var id: EventID
        var offer: GroupCommit.Offer
    }

    private struct AcceptedBatch {
        var ids: [EventID]
        var offer: GroupCommit.Offer
    }

    /// One event. Encoded before the machine takes it, so that one which cannot be encoded changes nothing either.
    private func accept(_ draft: EventDraft) throws(AgentEventsError) -> Accepted {
        guard let type = draft.payload.type, type != .agentFailed, type != .agentCancelled else {
            // These may close open work: several events, all or none.
            let batch = try accept([draft], key: nil, host: .process, indexed: false)
            guard let id = batch.ids.first else { preconditionFailure("one draft has one id") }
            return Accepted(id: id, offer: batch.offer)
        }
        try checkIsTaken()
        let time = time()
        try endOverdue(at: time)
        return try acceptInTime(draft, type, at: time)
    }

    /// One event that closes nothing. Nothing is overdue at the time.
    private func acceptInTime(
        _ draft: EventDraft,
        _ type: EventType,
        at time: Timestamp
    ) throws(AgentEventsError) -> Accepted {
        let (run, agent) = (draft.run, draft.agent)
        let payload = machine.resolved(draft, at: time)
        let id = EventID(generation: services.generation, sequence: lastSequence + 1)
        let entry: LogEntry?
        if let encodedAgent = try resolvedAgent(agent, of: run, for: payload) {
            entry = try encode(payload, type: type, id: id, run: run, agent: encodedAgent, time: time)
        } else if run == nil {
            entry = try encode(payload, type: type, id: id, run: nil, agent: nil, time: time)
        } else {
            entry = nil
        }
        switch machine.receive(run: run, agent: agent, payload: payload, half: draft.halves?.start, at: time) {
        case .reject(let violation):
            throw AgentEventsError(violation)
        case .accept:
            break
        }
        guard let entry else { preconditionFailure("an open run has an agent") }
        let offer = try offered { () throws(EventLogError) in try services.commit.offer(entry) }
        lastSequence = id.sequence
        lastTime = time
        setSweep()
        return Accepted(id: id, offer: offer)
    }

    /// Several events, all or none, after what is overdue.
    private func accept(
        _ drafts: [EventDraft],
        key request: RequestName?,
        host: RunHost,
        indexed: Bool = true
    ) throws(AgentEventsError) -> AcceptedBatch {
        guard !drafts.isEmpty else { throw AgentEventsError(.emptyBatch, "a batch has at least one event") }
        try checkIsTaken()
        let time = time()
        try endOverdue(at: time)
        return try acceptInTime(drafts, key: request, host: host, at: time, indexed: indexed)
    }

    /// Several events, on a copy of the machine that replaces it when all are accepted. Nothing is overdue at the time.
    ///
    /// - Parameters:
    ///   - indexed: whether an error says which event is at fault.
    ///   - limited: whether the events are refused when they are too large.
    private func acceptInTime(
        _ drafts: [EventDraft],
        key request: RequestName?,
        host: RunHost = .process,
        at time: Timestamp,
        indexed: Bool = true,
        limited: Bool = true
    ) throws(AgentEventsError) -> AcceptedBatch {
        var copy = machine
        var sequence = lastSequence
        var entries: [LogEntry] = []
        var ids: [EventID] = []
        entries.reserveCapacity(drafts.count)
        ids.reserveCapacity(drafts.count)
        for (index, draft) in drafts.enumerated() {
            do throws(AgentEventsError) {
                let payload = copy.resolved(draft, at: time)
                let action = copy.receive(
                    run: draft.run, agent: draft.agent, payload: payload, half: draft.halves?.start, host: host,
                    at: time)
                guard case .accept(let acceptance) = action else {
                    guard case .reject(let violation) = action else { preconditionFailure("accepted or rejected") }
                    throw AgentEventsError(violation)
                }
                for closing in acceptance.closing {
                    sequence += 1
                    let id = EventID(generation: services.generation, sequence: sequence)
                    // Made of what was accepted once, perhaps under a higher limit.
                    entries.append(
                        try encode(
                            closing.payload, id: id, run: closing.run, agent: closing.agent, time: time,
                            limited: false))
                }
                sequence += 1
                let id = EventID(generation: services.generation, sequence: sequence)
                entries.append(
                    try encode(
                        payload, id: id, run: draft.run, agent: acceptance.agent, host: host, time: time,
                        limited: limited))
                ids.append(id)
            } catch {
                var error = error
                if indexed { error.index = index }
                throw error
            }
        }
        let keyed = request.map { KeyedEvents(key: $0.key, thread: thread, ids: ids, digest: $0.digest) }
        let offer = try offered { () throws(EventLogError) in try services.commit.offer(entries, key: keyed) }
        machine = copy
        lastSequence = sequence
        lastTime = time
        setSweep()
        return AcceptedBatch(ids: ids, offer: offer)
    }

    private func offered(
        _ offer: () throws(EventLogError) -> GroupCommit.Offer
    ) throws(AgentEventsError) -> GroupCommit.Offer {
        do throws(EventLogError) {
            let offer = try offer()
            offeredPosition.didOffer(upTo: offer.position)
            return offer
        } catch {
            isRefused = true
            throw AgentEventsError(error)
        }
    }

    private func checkIsTaken() throws(AgentEventsError) {
        if isRefused, let refusal = services.commit.refusal { throw AgentEventsError(refusal) }
    }

    /// The agent that the event will carry, or `nil` when there is none yet, which the machine will refuse.
    private func resolvedAgent(
        _ agent: AgentName?,
        of run: RunID?,
        for payload: EventPayload
    ) throws(AgentEventsError) -> AgentName? {
        guard let run else { return nil }
        return agent ?? machine.agent(of: run)
    }

    private func encode(
        _ payload: EventPayload,
        type: EventType? = nil,
        id: EventID,
        run: RunID?,
        agent: AgentName?,
        host: RunHost = .process,
        time: Timestamp,
        limited: Bool = true
    ) throws(AgentEventsError) -> LogEntry {
        let bytes: [UInt8]
        do throws(WireError) {
            bytes = try EventEncoder.encode(payload, id: id, thread: thread, run: run, agent: agent, time: time)
        } catch {
            throw AgentEventsError(error)
        }
        let excess = bytes.count - services.configuration.maximumEventByteCount
        guard !limited || excess <= 0 else {
            // An end is not refused for the length of its texts (I7).
            if let shorter = payload.withShorterTexts(byteCount: excess) {
                return try encode(shorter, type: type, id: id, run: run, agent: agent, time: time)
            }
            throw AgentEventsError(
                .tooLarge,
                "an event has at most \(services.configuration.maximumEventByteCount) bytes, this one would have "
                    + "\(bytes.count); put what is large elsewhere and send a reference"
            )
        }
        guard let type = type ?? payload.type else { preconditionFailure("the encoder refuses unknown types") }
        return LogEntry(owner: owner, id: id, type: type, run: run, host: host, bytes: bytes)
    }

    /// The time of the next event: now, but never before the last one's.
    private func time() -> Timestamp { max(services.environment.wallClock.now(), lastTime) }

    private func duration(of run: RunID) -> Int64 {
        let now = time()
        return now.milliseconds(since: machine.startTime(of: run) ?? now)
    }
}
