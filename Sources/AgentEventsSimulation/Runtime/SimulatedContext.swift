import AgentEvents

/// Mirrors `ExecutionContext` and `RebuiltThread`: the synchronous section in which an event is checked, numbered and
/// encoded. Offering it is the runtime's.
struct SimulatedContext {
    /// What was accepted, to be offered at once.
    struct Accepted {
        var entries: [LogEntry]
        /// The ids of the drafts; those of events that close open work are not among them.
        var ids: [EventID]
    }

    enum Outcome {
        case accepted(Accepted)
        case rejected(OrderViolation)
    }

    /// How long nothing may come for a run of a program elsewhere.
    static let idleMilliseconds: Int64 = 20_000

    private let owner: ThreadOwner
    private let generation: UInt64
    private var machine: ThreadStateMachine
    private var lastSequence: UInt64
    private var lastTime: Timestamp

    /// - Throws: ``InvariantViolation`` when an event of the log cannot be decoded.
    init(_ thread: SimulatedThread, generation: UInt64) throws(InvariantViolation) {
        owner = thread.owner
        self.generation = generation
        let record = thread.record
        machine = ThreadStateMachine(
            policy: .standard, usedRuns: record?.runs ?? [], idleMilliseconds: Self.idleMilliseconds)
        var hosts: [RunID: RunHost] = [:]
        for open in thread.openRuns { hosts[open.run] = open.host }
        lastSequence = thread.head
        lastTime = Timestamp(milliseconds: 0)
        guard record?.isEmpty == false else { return }
        for stored in thread.events.dropFirst(Int(max(thread.rebuiltAfter, thread.firstKept - 1))) {
            do throws(WireError) {
                let event = try EventDecoder.decode(stored.bytes)
                machine.restore(event, host: event.run.flatMap { hosts[$0] } ?? .process)
                lastTime = event.time
            } catch {
                throw InvariantViolation(.sameBytes, "\(stored.id) cannot be decoded: \(error.message)")
            }
        }
    }

    var openHostedRuns: [RunID] { machine.openHostedRuns }

    /// The ends of what is overdue.
    mutating func endOverdue(at now: Timestamp) throws(InvariantViolation) -> [LogEntry] {
        let drafts = machine.takeOverdue(at: max(now, lastTime)).map { overdue in
            switch overdue {
            case .approval(let approval, let run):
                EventDraft(run: run, .approvalResolved(ApprovalResolved(approval: approval, decision: .expired)))
            case .idle(let root, let milliseconds):
                EventDraft(
                    run: root,
                    .agentFailed(AgentFailed(error: .lost(after: milliseconds), durationMilliseconds: 0)))
            }
        }
        guard !drafts.isEmpty else { return [] }
        guard case .accepted(let accepted) = try accept(drafts, host: .process, at: now) else {
            throw InvariantViolation(.runsEnd, "what is overdue in \(owner.thread) cannot be ended")
        }
        return accepted.entries
    }

    func isOpen(_ run: RunID) -> Bool { machine.isOpen(run) }

    mutating func accept(
        _ drafts: [EventDraft],
        host: RunHost,
        at now: Timestamp
    ) throws(InvariantViolation) -> Outcome {
        let time = max(now, lastTime)
        if drafts.count == 1, let type = drafts[0].payload.type, type != .agentFailed, type != .agentCancelled {
            return try acceptOne(drafts[0], host, at: time)
        }
        // On a copy that takes the machine's place when all are accepted.
        var copy = machine
        var accepted = Accepted(entries: [], ids: [])
        var sequence = lastSequence
        for draft in drafts {
            let payload = copy.resolved(draft, at: time)
            let half = draft.halves?.start
            switch copy.receive(
                run: draft.run, agent: draft.agent, payload: payload, half: half, host: host, at: time)
            {
            case .reject(let violation):
                return .rejected(violation)
            case .accept(let acceptance):
                for closing in acceptance.closing {
                    sequence += 1
                    accepted.entries.append(try encode(closing.payload, sequence, closing.run, closing.agent, time))
                }
                sequence += 1
                let entry = try encode(payload, sequence, draft.run, acceptance.agent, time, host)
                accepted.entries.append(entry)
                accepted.ids.append(entry.id)
            }
        }
        machine = copy
        lastSequence = sequence
        lastTime = time
        return .accepted(accepted)
    }

    private mutating func acceptOne(
        _ draft: EventDraft,
        _ host: RunHost,
        at time: Timestamp
    ) throws(InvariantViolation) -> Outcome {
        let payload = machine.resolved(draft, at: time)
        let half = draft.halves?.start
        switch machine.receive(
            run: draft.run, agent: draft.agent, payload: payload, half: half, host: host, at: time)
        {
        case .reject(let violation):
            return .rejected(violation)
        case .accept(let acceptance):
            lastSequence += 1
            lastTime = time
            let entry = try encode(payload, lastSequence, draft.run, acceptance.agent, time, host)
            return .accepted(Accepted(entries: [entry], ids: [entry.id]))
        }
    }

    private func encode(
        _ payload: EventPayload,
        _ sequence: UInt64,
        _ run: RunID?,
        _ agent: AgentName?,
        _ time: Timestamp,
        _ host: RunHost = .process
    ) throws(InvariantViolation) -> LogEntry {
        let id = EventID(generation: generation, sequence: sequence)
        guard let type = payload.type else { preconditionFailure("a payload of the catalogue has a type") }
        do throws(WireError) {
            let bytes = try EventEncoder.encode(
                payload, id: id, thread: owner.thread, run: run, agent: agent, time: time)
            return LogEntry(owner: owner, id: id, type: type, run: run, host: host, bytes: bytes)
        } catch {
            throw InvariantViolation(.sameBytes, "\(id) cannot be encoded: \(error.message)")
        }
    }
}
