// The context of a thread: values that agents and users share, decided on in the thread's synchronous section.

extension ExecutionContext {
    // MARK: Reading

    /// A value of the thread's context; `nil` for one that is not there, or whose time is over.
    ///
    /// Values that were accepted count, committed or not. They are read from the log once, and are in memory afterwards.
    ///
    /// - Throws: ``AgentEventsError`` when the log fails.
    public func entry(_ key: String) async throws(AgentEventsError) -> ContextEntry? {
        try await entry(key, for: nil)
    }

    /// - Parameter agent: one that the user has to have let in; looked at together with the value.
    func entry(_ key: String, for agent: AgentName?) async throws(AgentEventsError) -> ContextEntry? {
        try await readValues()
        if let refusal = refusal(of: agent, .read, at: valuesTime) { throw AgentEventsError(refusal, of: key) }
        return path.machine.space?.entry(key, at: valuesTime).map { ContextEntry($0) }
    }

    /// All values of the thread's context that are there, in the order of the bytes of their keys.
    ///
    /// - Throws: as ``entry(_:)``.
    public func entries() async throws(AgentEventsError) -> [ContextEntry] { try await entries(for: nil) }

    /// - Parameter agent: as of ``entry(_:for:)``.
    func entries(for agent: AgentName?) async throws(AgentEventsError) -> [ContextEntry] {
        try await readValues()
        if let refusal = refusal(of: agent, .read, at: valuesTime) { throw AgentEventsError(refusal, of: "") }
        return path.machine.space?.all(at: valuesTime).map { ContextEntry($0) } ?? []
    }

    /// A value of the thread's context, decoded; `nil` for one that is not there, or whose time is over.
    ///
    /// - Throws: ``AgentEventsError`` when the log fails, and what the decoding of the value throws.
    public func value<Value: Decodable>(_ key: String, as type: Value.Type = Value.self) async throws -> Value? {
        try await entry(key)?.value?.decode(as: type)
    }

    /// The same, by a key that knows its type.
    public func value<Value>(_ key: ContextKey<Value>) async throws -> Value? {
        try await value(key.name, as: Value.self)
    }

    private func readValues() async throws(AgentEventsError) {
        guard services.isContended else { return try await loadSpace() }
        // Nothing to log, by what was known before: the thread is read from the log.
        _ = try await settled { () async throws(AgentEventsError) -> Accepted? in
            try await loadSpace()
            return nil
        }
        // What is overdue may have been read with it.
        try await loadSpace()
    }

    /// No earlier than the last event: its time has come.
    private var valuesTime: Timestamp { max(services.environment.wallClock.now(), path.head.lastTime) }

    // MARK: Changing

    /// Sets a value of the thread's context. Everybody who reads the thread sees it, as `state_updated`.
    ///
    /// ```swift
    /// let version = try await run.context.set("Berlin", for: "city", ttl: .seconds(3600))
    /// try await run.context.set("Hamburg", for: "city", ifVersion: version)
    /// ```
    ///
    /// Returns when the change is accepted and in its place, as ``emit(_:)`` does; not sensitive to cancellation, and allowed
    /// while runs are paused. From `ttl` after the time of its event on the value is not there, by the clock of who reads it;
    /// that it was removed is logged then, and before the next event of the thread at the latest. The time is UTC in whole
    /// milliseconds.
    ///
    /// - Parameters:
    ///   - value: as JSON at most 64 KiB (``ContextLimits``).
    ///   - key: 1 to 256 bytes; not one that begins with `~` or `grant/`.
    ///   - ttl: the time to live, from 1 ms to 366 days; `nil` for ever.
    ///   - version: the version that the value has to have, 0 for a value that is not there; `nil` for any.
    /// - Returns: the version of the space after the change, which is that of the value from now on.
    /// - Throws: what the value's `encode(to:)` throws; ``AgentEventsError``: `state.conflict` with the value as it is in
    ///   ``AgentEventsError/details`` when it has another version, `state.too_many_keys`, `state.value_too_large`,
    ///   `state.forbidden` for a key of the service, `command.invalid`, or an error of the log. Then nothing changed.
    @discardableResult
    public func set(
        _ value: some Encodable & Sendable,
        for key: String,
        ttl: Duration? = nil,
        ifVersion version: Int64? = nil
    ) async throws -> Int64 {
        let json = try JSONValue(converting: value)
        return try await self.version(after: ContextChange(.set(json, timeToLive: ttl), of: key, ifVersion: version))
    }

    /// The same, by a key that knows the type of the value.
    @discardableResult
    public func set<Value>(
        _ value: Value,
        for key: ContextKey<Value>,
        ttl: Duration? = nil,
        ifVersion version: Int64? = nil
    ) async throws -> Int64 {
        try await set(value, for: key.name, ttl: ttl, ifVersion: version)
    }

    /// Removes a value of the thread's context.
    ///
    /// - Parameter version: as of ``set(_:for:ttl:ifVersion:)``.
    /// - Returns: whether it was there; when it was not, nothing is logged.
    /// - Throws: as ``set(_:for:ttl:ifVersion:)``.
    @discardableResult
    public func removeValue(for key: String, ifVersion version: Int64? = nil) async throws(AgentEventsError) -> Bool {
        try await carryOut(ContextChange(.remove, of: key, ifVersion: version), key: nil).outcome == .done
    }

    /// Carries a change out that has no key.
    ///
    /// - Returns: the version of the space after it.
    func version(after change: ContextChange) async throws(AgentEventsError) -> Int64 {
        guard let value = try await carryOut(change, key: nil).details?.value else {
            preconditionFailure("only the answer to a repeated change has no version")
        }
        return value.version
    }

    /// Carries a change out; its event may not be committed yet.
    ///
    /// - Parameter key: as of ``command(_:key:)``.
    package func carryOut(
        _ change: ContextChange,
        key: IdempotencyKey?
    ) async throws(AgentEventsError) -> CommandReceipt {
        var receipt = try await carryOut(
            key: key, change.canonicalText,
            settle: { (request) async throws(AgentEventsError) in try await settle(change, request) },
            receipt: { (outcome) async throws(AgentEventsError) in try await self.receipt(of: outcome, change) })
        if receipt.outcome == .repeated, receipt.details == nil, let cursor = receipt.cursors.last {
            receipt.details = try await details(ofChangeAt: cursor, receipt.position)
        }
        return receipt
    }

    /// The details of the first answer to a repeated change: the version is in its event. `nil` when that was trimmed.
    private func details(
        ofChangeAt cursor: Cursor,
        _ position: UInt64
    ) async throws(AgentEventsError) -> CommandDetails? {
        try await waitForCommit(at: position)
        let page = try await mapLogError { () async throws(EventLogError) in
            try await services.log.read(LogRead(.thread(thread, after: cursor.sequence - 1), maximumCount: 1))
        }
        guard let stored = page.events.first, stored.id == cursor else { return nil }
        let event = try await mapLogError { () async throws(EventLogError) in try stored.decoded() }
        guard case .stateUpdated(let update) = event.payload else { return nil }
        return CommandDetails(value: CommandDetails.Value(version: update.version))
    }

    private enum ChangeOutcome: CommandOutcomeKind {
        case logged(AcceptedBatch, version: Int64)
        case unchanged
        case refused(ContextRefusal)
        case known(EmitReceipt)

        var batch: AcceptedBatch? { if case .logged(let batch, _) = self { batch } else { nil } }

        var decision: ContentionDecision {
            switch self {
            case .logged: .offered
            // By what is known of the thread.
            case .unchanged, .refused: .nothing
            case .known: .final
            }
        }
    }

    private func settle(
        _ change: ContextChange,
        _ request: KeyedRequest?
    ) async throws(AgentEventsError) -> ChangeOutcome {
        try await settled { () async throws(AgentEventsError) in
            if let request, let known = try await recall(request.key, request.digest) { return .known(known) }
            if isReserved(change) { return .refused(.reserved) }
            try await loadSpace()
            // What is refused leaves nothing behind, so that it is decided before anything is stored.
            guard case .log(let wanted) = try decide(change).decision,
                let lapse = EventPayload.stateUpdated(wanted).lapse
            else { return try accept(change, request) }
            try await prepareExpiry(at: lapse)
            defer { services.expiries.didDecide(thread) }
            return try accept(change, request)
        }
    }

    /// Decides on what the thread is now. What has expired by now is removed first.
    private func decide(
        _ change: ContextChange
    ) throws(AgentEventsError) -> (decision: ContextSpaceStateMachine.Decision, time: Timestamp) {
        let time = try path.begin()
        if let refusal = refusal(of: change.agent, .write, at: time) { return (.refuse(refusal), time) }
        guard let decision = path.machine.space?.decide(change, at: time) else {
            preconditionFailure("the values were read")
        }
        return (decision, time)
    }

    /// Decides, and accepts the event, with nothing in between.
    private func accept(
        _ change: ContextChange,
        _ request: KeyedRequest?
    ) throws(AgentEventsError) -> ChangeOutcome {
        let (decision, time) = try decide(change)
        switch decision {
        case .log(let update):
            let isRemoval = change.kind == .remove
            let emission = Emission(request: request, isIndexed: true, needsRoom: !isRemoval)
            guard let batch = try path.accept([EventDraft(.stateUpdated(update))], emission, at: time) else {
                preconditionFailure("an event of the thread names no run")
            }
            return .logged(batch, version: update.version)
        case .unchanged: return .unchanged
        case .refuse(let refusal): return .refused(refusal)
        }
    }

    /// Why an agent does not use the user's space that this thread is; `nil` when it does, and for everybody else.
    private func refusal(of agent: AgentName?, _ wanted: ContextAccess, at time: Timestamp) -> ContextRefusal? {
        guard let agent else { return nil }
        let list = ContextAccessList(path.machine.space?.entry(ContextAccessList.key, at: time)?.value)
        switch list?.access(of: agent) {
        case .write: return nil
        case .read: return wanted == .read ? nil : .mayOnlyRead(agent)
        case nil: return .notLetIn(agent, isPrivate: ContextThread(thread)?.name != nil)
        }
    }

    private func receipt(
        of outcome: ChangeOutcome,
        _ change: ContextChange
    ) async throws(AgentEventsError) -> CommandReceipt {
        switch outcome {
        case .logged(let batch, let version):
            if batch.accepted.isFull { await services.commit.waitForCapacity() }
            return CommandReceipt(
                .done, cursors: batch.ids, details: CommandDetails(value: CommandDetails.Value(version: version)),
                position: batch.accepted.position)
        case .unchanged:
            return CommandReceipt(
                .unchanged, details: CommandDetails(value: CommandDetails.Value(version: 0)),
                position: offeredPosition.latest)
        case .refused(let refusal):
            // The answer tells of nothing that is not committed yet (I1).
            if case .conflict = refusal { try await waitForCommit(at: offeredPosition.latest) }
            throw AgentEventsError(refusal, of: change.key)
        case .known(let receipt):
            return CommandReceipt(receipt)
        }
    }

    // MARK: Events of others

    /// Has the values at hand before events that change them are decided on: one that expires is noted with them, and those of
    /// programs outside fit into the space.
    ///
    /// - Returns: whether something is noted that ends with the decision (``ExpiringThreads/didDecide(_:)``).
    func prepareValues(for drafts: [EventDraft], _ emission: Emission) async throws(AgentEventsError) -> Bool {
        guard Emission.changesValues(drafts) else { return false }
        try await loadSpace()
        guard let first = drafts.lazy.compactMap(\.payload.lapse).min() else { return false }
        // What is refused leaves nothing behind.
        if emission.author != nil { try checkValues(in: drafts, emission) }
        try await prepareExpiry(at: first)
        return true
    }

    /// Refuses values of a program outside that do not fit into the space.
    ///
    /// - Throws: as ``set(_:for:ttl:ifVersion:)``, with the index of the event.
    func checkValues(in drafts: [EventDraft], _ emission: Emission) throws(AgentEventsError) {
        guard drafts.contains(where: \.payload.isStateUpdate) else { return }
        // What has expired makes room.
        let time = try path.begin()
        // Nearly always there is one: only more of them add up.
        var after: ContextSpaceStateMachine?
        for (index, draft) in drafts.enumerated() {
            guard case .stateUpdated(let update) = draft.payload else { continue }
            let refusal = after.map { $0.refusal(of: update) } ?? path.machine.space?.refusal(of: update)
            if let refusal {
                var error = AgentEventsError(refusal, of: update.key)
                error.index = index
                error.details = nil
                throw path.noted(error, of: drafts, at: index, emission, time)
            }
            if drafts.count > 1 {
                after = after ?? path.machine.space
                _ = after?.apply(update, at: time)
            }
        }
    }

    /// Has the values of the thread in memory. What changes afterwards is noted with its event; a change that came while they
    /// were read has them read again.
    func loadSpace() async throws(AgentEventsError) {
        while path.machine.space == nil {
            let missed = path.machine.missedUpdateCount
            try await waitForCommit(at: offeredPosition.latest)
            let state = try await mapLogError { () async throws(EventLogError) in
                try await ThreadFold.state(of: thread, in: services.log)
            }
            guard path.machine.space == nil, path.machine.missedUpdateCount == missed else { continue }
            path.setSpace(ContextSpaceStateMachine(state.entries))
        }
    }

    /// A value is about to be set that expires. That the thread has to be looked at then is durable before the event is: it may
    /// be said too early, and never too late.
    private func prepareExpiry(at time: Timestamp) async throws(AgentEventsError) {
        try await mapLogError { () async throws(EventLogError) in
            try await services.expiries.prepare(owner, at: time)
        }
    }

    /// Whether the thread may have values that expire, and they are not in memory.
    func lacksExpiringValues() async throws(AgentEventsError) -> Bool {
        guard path.machine.space == nil else { return false }
        return try await mapLogError { () async throws(EventLogError) in
            try await services.expiries.mayHave(thread)
        }
    }

    /// The thread was looked at because values may have expired: what is next is noted in the place of that.
    func noteNextExpiry() async throws(AgentEventsError) {
        let now = services.environment.wallClock.now()
        guard let deadline = path.machine.space?.deadline, services.expiries.isDue(thread, at: now) else { return }
        // Before the removals are in the log nothing is forgotten of what they are for. Others are looked at meanwhile.
        guard services.commit.committedPosition >= offeredPosition.latest else {
            return path.checkAgain(at: now.advanced(byMilliseconds: 1000))
        }
        let next = deadline == ThreadStateMachine.never ? nil : deadline
        let isNoted = try await mapLogError { () async throws(EventLogError) in
            try await services.expiries.didLook(owner, next: next)
        }
        // Somebody is about to set one that expires.
        if !isNoted { path.checkAgain(at: now.advanced(byMilliseconds: 1000)) }
    }
}

extension Emission {
    /// Whether some events change values, which have to be at hand for that: so none comes while they are read.
    static func changesValues(_ drafts: [EventDraft]) -> Bool { drafts.contains(where: \.payload.isStateUpdate) }
}

extension EventPayload {
    var isStateUpdate: Bool { if case .stateUpdated = self { true } else { false } }

    /// When the value is removed that the event sets; `nil` for one that stays, a grant, and every other event.
    var lapse: Timestamp? {
        guard case .stateUpdated(let update) = self, !update.isGrant else { return nil }
        return update.expiresAt
    }
}
