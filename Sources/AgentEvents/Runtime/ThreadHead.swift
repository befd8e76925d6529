/// The state that the next event of a thread meets: the order of its runs, the last number and the last time.
///
/// It takes events through the synchronous section: check, number, encode, offer, apply. Nearly every emission is one event,
/// which is offered to the log before it is applied, so that nothing has to be taken back; those of several events are
/// applied one by one, with a journal.
///
/// ```
/// one event:  check ──> encode ──> offer ──> apply
///               │ refused │          │ not taken by the log
///               └─────────┴──────────┴──> nothing has changed (I4)
///
/// several:    begin ──> accept (check, encode, apply), for each ──> offer ──> keep
///                         │ refused                                   │ not taken by the log
///                         └───────────────────────────────────────────┴──> rollBack: everything is as it was (I4)
/// ```
///
/// The file is long because what is applied and what takes it back stand beside each other.
package struct ThreadHead: Sendable {
    package let owner: ThreadOwner
    private let generation: UInt64
    /// The largest event, encoded, in bytes.
    private let maximumEventByteCount: Int
    package private(set) var machine: ThreadStateMachine
    package private(set) var lastSequence: UInt64
    package private(set) var lastTime: Timestamp

    /// - Parameters:
    ///   - generation: the log's, of its last opening.
    ///   - maximumEventByteCount: the largest event, encoded, in bytes.
    ///   - lastSequence: the number of the last event; 0 for none.
    ///   - lastTime: the time of the last event.
    package init(
        owner: ThreadOwner,
        generation: UInt64,
        maximumEventByteCount: Int,
        machine: ThreadStateMachine,
        lastSequence: UInt64 = 0,
        lastTime: Timestamp = Timestamp(milliseconds: .min)
    ) {
        self.owner = owner
        self.generation = generation
        self.maximumEventByteCount = maximumEventByteCount
        self.machine = machine
        self.lastSequence = lastSequence
        self.lastTime = lastTime
    }

    /// Why an emission is not accepted as it is.
    package enum Refusal: Error {
        case refused(AgentEventsError)
        /// Ask the log whether a run was there before; see ``ThreadStateMachine/CheckAction/lookUp(_:)``.
        case needsLookUp
        /// The log takes nothing any longer.
        case notTaken(EventLogError)
    }

    /// The events of one emission, all or none.
    package struct Batch: Sendable {
        /// The time that all of them carry.
        package let time: Timestamp
        /// The entries to log.
        package private(set) var entries: [LogEntry] = []
        /// The places in ``entries`` of events that close what is open.
        private var closings: [Int] = []
        /// The number of entries that it was given.
        fileprivate private(set) var count = 0
        fileprivate var endsRun = false
        /// What runs that end have been given and have not taken.
        private var left: [LeftInput] = []
        fileprivate var releasesOthers = false
        /// Whether somebody may wait for this: a run has ended or is not paused any longer, or a request has its answer.
        var releases: Bool { endsRun || releasesOthers }
        /// The usage of the children of open runs that end with this emission, by the run.
        fileprivate private(set) var usagesOfChildren: [RunID: ChildUsage] = [:]
        fileprivate var journal: ThreadStateMachine.Journal

        fileprivate init(time: Timestamp, journal: ThreadStateMachine.Journal) {
            self.time = time
            self.journal = journal
        }

        fileprivate mutating func append(_ entry: LogEntry, isClosing: Bool) {
            if isClosing { closings.append(entries.count) }
            entries.append(entry)
            count += 1
        }

        fileprivate mutating func leave(_ input: LeftInput?) {
            if let input { left.append(input) }
        }

        /// What a run that ends leaves, once: the same emission queues a run for it.
        mutating func takeLeftInput() -> LeftInput? { left.isEmpty ? nil : left.removeFirst() }

        /// A child of a run has ended.
        ///
        /// - Parameters:
        ///   - tokens: the usage in the event that ends it.
        ///   - usage: that of the run, when it is one of a scope.
        fileprivate mutating func add(_ tokens: TokenUsage, ofChildrenOf run: RunID, _ usage: RunUsage?) {
            usagesOfChildren[run, default: ChildUsage(usage: usage)].tokens += tokens
        }

        /// The usage to add to runs that stay open, once the emission is in the log.
        var childUsages: some Collection<ChildUsage> { usagesOfChildren.values }

        /// The usage in the event that ends a run: what it has reported, what the handle of its scope says, and what its
        /// children have used; `nil` when there is none.
        fileprivate func usage(
            of run: RunID,
            _ usages: [RunID: RunUsage],
            _ machine: borrowing ThreadStateMachine
        ) -> TokenUsage? {
            // The handle knows the children that have ended, too.
            var total = usages[run]?.total ?? machine.tokensOfChildren(of: run) ?? TokenUsage()
            if let reported = machine.reportedTokens(of: run) { total += reported }
            if let more = usagesOfChildren[run] { total += more.tokens }
            return total == TokenUsage() ? nil : total
        }

        /// The ids of the drafts' events; those of events that close open work are not among them.
        package var ids: [EventID] {
            guard !closings.isEmpty else { return entries.map(\.id) }
            var rest = closings[...]
            return entries.indices.compactMap { index in
                guard rest.first == index else { return entries[index].id }
                rest.removeFirst()
                return nil
            }
        }
    }

    /// The id of the last event that is on its way into the log.
    var lastID: EventID { EventID(generation: generation, sequence: lastSequence) }

    // MARK: One event

    /// Accepts an emission of one event, and offers it to the log.
    ///
    /// - Parameters:
    ///   - time: not before ``lastTime``.
    ///   - host: who hosts the run that the event starts.
    ///   - isLimited: whether the event is refused when it is too large.
    ///   - lookedUp: of runs that are not open, whether the log had one of that id.
    ///   - offer: hands the entry over to the log.
    /// - Returns: where it is in the commits; `nil` when the event ends a run. Then nothing has changed, and it is to
    ///   be accepted as one of several, since others may come before it.
    /// - Throws: why it is not accepted. Then nothing has changed.
    mutating func acceptOne(
        _ draft: EventDraft,
        at time: Timestamp,
        host: RunHost,
        isLimited: Bool,
        lookedUp: [RunID: Bool],
        offer: (consuming LogEntry) throws(EventLogError) -> GroupCommit.Offer
    ) throws(Refusal) -> GroupCommit.Offer? {
        switch machine.check(draft, host: host, at: time, lookedUp: lookedUp) {
        case .accept(let acceptance):
            guard !acceptance.endsRun, acceptance.receiver == nil else { return nil }
            let offered = try offerOnly(
                try entry(of: draft, acceptance, at: time, host: host, isLimited: isLimited), offer)
            machine.apply(acceptance, of: draft)
            lastSequence += 1
            lastTime = time
            machine.mark(draft.payload, of: draft.runID, as: lastID)
            return offered
        case .reject(let violation):
            throw .refused(AgentEventsError(violation))
        case .lookUp:
            throw .needsLookUp
        }
    }

    private func entry(
        of draft: EventDraft,
        _ acceptance: ThreadStateMachine.Acceptance,
        at time: Timestamp,
        host: RunHost,
        isLimited: Bool
    ) throws(Refusal) -> LogEntry {
        do throws(AgentEventsError) {
            if case .payload(let payload)? = acceptance.resolved {
                return try encode(
                    payload, run: draft.runID, agent: acceptance.agent, host: host, isLimited: isLimited,
                    number: lastSequence + 1, at: time)
            }
            return try encode(
                draft.payload, run: draft.runID, agent: acceptance.agent, host: host, isLimited: isLimited,
                number: lastSequence + 1, at: time)
        } catch {
            throw .refused(error)
        }
    }

    private func offerOnly(
        _ entry: consuming LogEntry,
        _ offer: (consuming LogEntry) throws(EventLogError) -> GroupCommit.Offer
    ) throws(Refusal) -> GroupCommit.Offer {
        do throws(EventLogError) {
            return try offer(entry)
        } catch {
            throw .notTaken(error)
        }
    }

    // MARK: Several events

    /// An emission without events yet.
    ///
    /// - Parameter time: not before ``lastTime``.
    package func begin(at time: Timestamp) -> Batch { Batch(time: time, journal: machine.journal) }

    /// Accepts one more event of an emission.
    ///
    /// - Parameters:
    ///   - host: who hosts the run that the event starts.
    ///   - isLimited: whether the event is refused when it is too large.
    ///   - lookedUp: of runs that are not open, whether the log had one of that id.
    ///   - isAdded: whether the event is not one of those that were asked for.
    ///   - usages: what runs have used; their ends say it, with what their children have used.
    /// - Throws: why it is not accepted. Then this event has changed nothing, and the emission is rolled back.
    package mutating func accept(
        _ draft: EventDraft,
        host: RunHost = .process,
        isLimited: Bool = true,
        lookedUp: [RunID: Bool] = [:],
        isAdded: Bool = false,
        usages: [RunID: RunUsage] = [:],
        in batch: inout Batch
    ) throws(Refusal) {
        switch machine.check(draft, host: host, at: batch.time, lookedUp: lookedUp) {
        case .accept(let acceptance):
            do throws(AgentEventsError) {
                for closing in acceptance.closing {
                    // Closing events repeat accepted content, so the current size limit does not apply.
                    if closing.payload.isForcedEnd {
                        try appendEnd(
                            closing.payload, of: closing.run, agent: closing.agent, isLimited: false, isClosing: true,
                            usages, to: &batch)
                    } else {
                        batch.append(
                            try encode(
                                closing.payload, run: closing.run, agent: closing.agent, isLimited: false, in: batch),
                            isClosing: true)
                    }
                }
                if acceptance.endsRun, let run = draft.runID {
                    try appendEnd(
                        acceptance.payload(of: draft), of: run, agent: acceptance.agent, host: host,
                        isLimited: isLimited, isClosing: isAdded, usages, to: &batch)
                } else if case .payload(let payload)? = acceptance.resolved {
                    batch.append(
                        try encode(
                            payload, run: draft.runID, agent: acceptance.agent, host: host, isLimited: isLimited,
                            in: batch), isClosing: false)
                } else {
                    batch.append(
                        try encode(
                            draft.payload, run: draft.runID, agent: acceptance.agent, host: host, isLimited: isLimited,
                            in: batch), isClosing: isAdded)
                }
            } catch {
                throw .refused(error)
            }
            if acceptance.endsRun {
                batch.endsRun = true
                batch.leave(machine.leftInput(of: draft.runID, endedBy: acceptance.payload(of: draft)))
            }
            if draft.payload.releases { batch.releasesOthers = true }
            machine.apply(acceptance, of: draft, &batch.journal)
            let id = EventID(generation: generation, sequence: lastSequence + UInt64(batch.count))
            machine.mark(draft.payload, of: draft.runID, as: id, &batch.journal)
            if let receiver = acceptance.receiver { machine.numberInput(of: receiver, as: id.sequence) }
        case .reject(let violation):
            throw .refused(AgentEventsError(violation))
        case .lookUp:
            throw .needsLookUp
        }
    }

    /// The events of an emission are on their way into the log.
    ///
    /// - Parameters:
    ///   - position: where they are in the commits.
    ///   - committed: up to where everything is committed; asked for seldom.
    package mutating func keep(_ batch: borrowing Batch, offeredAt position: UInt64, committed: () -> UInt64) {
        lastSequence += UInt64(batch.count)
        lastTime = batch.time
        guard batch.endsRun else { return }
        for (run, usage) in batch.usagesOfChildren { machine.addTokens(usage.tokens, ofChildOf: run) }
        machine.didOffer(at: position)
        if machine.endedRuns.count >= Self.endedRunsWorthForgetting {
            machine.forgetEndedRuns(committedThrough: committed())
        }
    }

    /// So few that it does not matter how many of them the log has.
    private static let endedRunsWorthForgetting = 8

    /// The events of an emission are not accepted.
    package mutating func rollBack(_ batch: borrowing Batch) { machine.rollBack(batch.journal) }

    // MARK: Encoding

    /// Appends the end of a run, with the tokens that the run and its children have used, and keeps these for the end of
    /// its parent. Without them when they cannot be encoded, and the run does not end well: such an end is not refused
    /// (I7).
    private func appendEnd(
        _ payload: EventPayload,
        of run: RunID,
        agent: AgentName?,
        host: RunHost = .process,
        isLimited: Bool,
        isClosing: Bool,
        _ usages: [RunID: RunUsage],
        to batch: inout Batch
    ) throws(AgentEventsError) {
        var ended = batch.usage(of: run, usages, machine).flatMap { payload.with($0) } ?? payload
        let entry: LogEntry
        do throws(AgentEventsError) {
            entry = try encode(ended, run: run, agent: agent, host: host, isLimited: isLimited, in: batch)
        } catch {
            guard payload.isForcedEnd, ended.usage != payload.usage else { throw error }
            ended = payload
            entry = try encode(payload, run: run, agent: agent, host: host, isLimited: isLimited, in: batch)
        }
        batch.append(entry, isClosing: isClosing)
        if let tokens = ended.usage, let parent = machine.parent(of: run) {
            batch.add(tokens, ofChildrenOf: parent, usages[parent])
        }
    }

    private func encode(
        _ payload: EventPayload,
        run: RunID?,
        agent: AgentName?,
        host: RunHost = .process,
        isLimited: Bool,
        in batch: borrowing Batch
    ) throws(AgentEventsError) -> LogEntry {
        try encode(
            payload, run: run, agent: agent, host: host, isLimited: isLimited,
            number: lastSequence + UInt64(batch.count) + 1, at: batch.time)
    }

    private func encode(
        _ payload: EventPayload,
        run: RunID?,
        agent: AgentName?,
        host: RunHost = .process,
        isLimited: Bool,
        number: UInt64,
        at time: Timestamp
    ) throws(AgentEventsError) -> LogEntry {
        let id = EventID(generation: generation, sequence: number)
        let bytes: [UInt8]
        do throws(WireError) {
            if case .approvalRequested(let request) = payload { try request.checkSchema() }
            bytes = try EventEncoder.encode(
                payload, id: id, thread: owner.thread, run: run, agent: agent, time: time)
        } catch {
            throw AgentEventsError(error)
        }
        let excess = bytes.count - maximumEventByteCount
        guard !isLimited || excess <= 0 else {
            // An end is not refused for the length of its texts (I7).
            if let shorter = payload.withShorterTexts(byteCount: excess) {
                return try encode(
                    shorter, run: run, agent: agent, host: host, isLimited: true, number: number, at: time)
            }
            throw AgentEventsError(
                .tooLarge,
                "an event has at most \(maximumEventByteCount) bytes, this one would have \(bytes.count); put what is "
                    + "large elsewhere and send a reference"
            )
        }
        guard let type = payload.type else { preconditionFailure("the encoder refuses unknown types") }
        return LogEntry(owner: owner, id: id, type: type, run: run, host: host, bytes: bytes)
    }
}

// MARK: Time and runs

extension ThreadHead {
    /// Takes what is overdue at a time, as the events that end it. The caller emits them at once, or calls
    /// ``lookAgain(at:)``.
    package mutating func takeOverdue(at time: Timestamp) -> [EventDraft] {
        machine.takeOverdue(at: time).map { overdue in
            switch overdue {
            case .approval(let approval, let run):
                return EventDraft(
                    runID: run, .approvalResolved(ApprovalResolved(approvalID: approval, decision: .expired)))
            case .notStarted(let run):
                return .measured(run, .agentFailed(AgentFailed(error: .notStartedInTime, durationMilliseconds: 0)))
            case .tooOld(let run):
                return .measured(run, .agentFailed(AgentFailed(error: .tooOld, durationMilliseconds: 0)))
            case .idleInQueue(let run, let milliseconds):
                let reason = RunFailure.silence(of: milliseconds)
                return .measured(run, .agentCancelled(AgentCancelled(reason: reason, durationMilliseconds: 0)))
            case .value(let update):
                return EventDraft(.stateUpdated(update))
            case .idle(let root, let milliseconds):
                return .measured(
                    root, .agentFailed(AgentFailed(error: .lost(after: milliseconds), durationMilliseconds: 0)))
            }
        }
    }

    /// The items taken as overdue at a time were not ended: they will be taken again.
    package mutating func lookAgain(at time: Timestamp) { machine.lookAgain(at: time) }

    /// The number of changes of values that came while they were not here.
    mutating func missUpdates(_ count: UInt64) { machine.missUpdates(count) }

    /// The values of the thread's context were read.
    package mutating func setSpace(_ space: ContextSpaceStateMachine) { machine.setSpace(space) }

    /// A run that was taken up waits for an answer, which no event shows.
    package mutating func waitAgain(_ run: RunID, at time: Timestamp) { machine.waitAgain(run, at: time) }

    package mutating func beginLookUp(committedThrough position: UInt64) {
        machine.beginLookUp(committedThrough: position)
    }

    package mutating func endLookUp(committedThrough position: UInt64) {
        machine.endLookUp(committedThrough: position)
    }
}
