import AgentEvents
import AgentEventsProtocol

/// Mirrors `ExecutionContext`: what is around the synchronous section, which is the real one.
struct SimulatedContext {
    /// What was accepted.
    struct Accepted {
        var entries: [LogEntry]
        /// The ids of the drafts; those of events that close open work are not among them.
        var ids: [EventID]
        var offer: Offer
    }

    /// Where accepted events are in the commits.
    struct Offer {
        var position: UInt64
        /// Whether the producer has to wait for room.
        var isFull: Bool
    }

    enum Outcome {
        case accepted(Accepted)
        case rejected(OrderViolation)
        /// Nothing more is taken by the log.
        case unavailable
    }

    /// The parts of the runtime that a context uses.
    struct Surroundings {
        /// Which of some runs the log has.
        var startedRuns: (Set<RunID>) -> Set<RunID>
        /// Offers a batch to the log; `nil` when it takes nothing more.
        var offer: (ThreadHead.Batch) -> Offer?
        /// Up to where everything is committed.
        var committedPosition: () -> UInt64
    }

    /// How long nothing may come for a run of a program elsewhere.
    static let idleMilliseconds: Int64 = 20_000

    private var head: ThreadHead

    /// - Throws: ``InvariantViolation`` when an event of the log cannot be decoded.
    init(_ thread: SimulatedThread, generation: UInt64) throws(InvariantViolation) {
        let record = thread.record
        var machine = ThreadStateMachine(policy: .standard, idleMilliseconds: Self.idleMilliseconds)
        var hosts: [RunID: RunHost] = [:]
        for open in thread.openRuns { hosts[open.run] = open.host }
        var lastTime = Timestamp(milliseconds: 0)
        if record?.isEmpty == false {
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
        head = ThreadHead(
            owner: thread.owner, generation: generation, maximumEventByteCount: 1 << 20, machine: machine,
            lastSequence: thread.head, lastTime: lastTime)
    }

    var openHostedRuns: [RunID] { head.machine.openHostedRuns }

    func isOpen(_ run: RunID) -> Bool { head.machine.isOpen(run) }

    /// Ends what is overdue.
    ///
    /// - Returns: how many events that took.
    mutating func endOverdue(
        at now: Timestamp,
        _ surroundings: Surroundings
    ) throws(InvariantViolation) -> Int {
        let time = max(now, head.lastTime)
        let drafts = head.takeOverdue(at: time)
        guard !drafts.isEmpty else { return 0 }
        switch try accept(drafts, host: .process, at: time, surroundings) {
        case .accepted(let accepted):
            return accepted.entries.count
        case .rejected(let violation):
            throw InvariantViolation(.runsEnd, "what is overdue in \(head.owner.thread) cannot be ended: \(violation)")
        case .unavailable:
            head.lookAgain(at: time)
            return 0
        }
    }

    mutating func accept(
        _ drafts: [EventDraft],
        host: RunHost,
        at now: Timestamp,
        _ surroundings: Surroundings
    ) throws(InvariantViolation) -> Outcome {
        let time = max(now, head.lastTime)
        if let outcome = try attempt(drafts, host, at: time, surroundings, lookedUp: [:]) { return outcome }
        let unknown = head.machine.unknownRuns(in: drafts)
        let started = surroundings.startedRuns(unknown)
        var lookedUp: [RunID: Bool] = [:]
        for run in unknown { lookedUp[run] = started.contains(run) }
        guard let outcome = try attempt(drafts, host, at: time, surroundings, lookedUp: lookedUp) else {
            throw InvariantViolation(.wellFormedRuns, "a run that was looked up is to be looked up again")
        }
        return outcome
    }

    /// - Returns: `nil` when a run is to be looked up.
    private mutating func attempt(
        _ drafts: [EventDraft],
        _ host: RunHost,
        at time: Timestamp,
        _ surroundings: Surroundings,
        lookedUp: [RunID: Bool]
    ) throws(InvariantViolation) -> Outcome? {
        var batch = head.begin(at: time)
        do throws(ThreadHead.Refusal) {
            for draft in drafts { try head.accept(draft, host: host, lookedUp: lookedUp, in: &batch) }
        } catch {
            head.rollBack(batch)
            switch error {
            case .needsLookUp:
                return nil
            case .refused(let error):
                guard let violation = error.violation else {
                    throw InvariantViolation(.sameBytes, "an event cannot be encoded: \(error.message)")
                }
                return .rejected(violation)
            case .notTaken:
                return .unavailable
            }
        }
        guard let offer = surroundings.offer(batch) else {
            head.rollBack(batch)
            return .unavailable
        }
        head.keep(batch, offeredAt: offer.position, committed: surroundings.committedPosition)
        return .accepted(Accepted(entries: batch.entries, ids: batch.ids, offer: offer))
    }
}
