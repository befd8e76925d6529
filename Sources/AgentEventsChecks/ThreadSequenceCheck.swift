import AgentEvents

/// The order of one thread's events, checked by the same machine that checks it where events are made (I2, I3).
struct ThreadSequenceCheck {
    private struct Start {
        var position: Int
        var event: EventID?
    }

    private let thread: ThreadID
    private var machine: ThreadStateMachine
    private var place = SequencePlace()
    private var starts: [RunID: Start] = [:]
    /// Every run that was met, but for refused starts.
    private var met: Set<RunID> = []
    /// Ends of messages in a paused run: right when the run's failure or cancellation follows, wrong when not.
    private var suspected: [RunID: [SequenceFault]] = [:]

    init(thread: ThreadID, policy: OrderPolicy) {
        self.thread = thread
        machine = ThreadStateMachine(policy: policy)
    }

    /// The number of runs that were started.
    var runCount: Int { starts.count }

    /// The last committed event.
    var last: EventID? { place.last }

    /// A committed event, with its place in the thread.
    mutating func receive(_ event: AgentEvent, at position: Int) -> [SequenceFault] {
        var faults = place.receive(event).map {
            SequenceFault(position: position, rule: $0.rule, message: $0.message, threadID: thread, eventID: event.id)
        }
        if case .unknown = event.payload { return faults }
        if isBeyondJudgement(event) {
            if event.type?.beginsRun == true, let run = event.runID, starts[run] == nil {
                starts[run] = Start(position: position, event: event.id)
            }
            if let run = event.runID { met.insert(run) }
            machine.restore(event)
            return faults
        }
        let draft = EventDraft(runID: event.runID, agent: event.agent, event.payload)
        if let run = event.runID, closesWork(event.payload) {
            if case .reject(let violation) = check(draft, at: event.time), violation.rule == .paused {
                suspected[run, default: []].append(fault(violation, position, event.id))
                machine.restore(event)
                return faults
            }
        }
        faults += receive(draft, time: event.time, at: position, id: event.id)
        return faults
    }

    /// An event to be emitted, which has no place yet.
    mutating func receive(_ draft: EventDraft, at position: Int) -> [SequenceFault] {
        receive(
            EventDraft(runID: draft.runID, agent: draft.agent, draft.payload), time: Timestamp(milliseconds: 0),
            at: position, id: nil)
    }

    /// Whether the event is of a run, or the child of one, that may have begun before the first event seen.
    private func isBeyondJudgement(_ event: AgentEvent) -> Bool {
        guard !place.isWhole, let run = event.runID else { return false }
        if case .agentQueued = event.payload { return false }
        guard case .agentStarted(let started) = event.payload else { return starts[run] == nil }
        guard let parent = started.parentRunID else { return false }
        return starts[run] == nil && starts[parent] == nil
    }

    private mutating func receive(
        _ draft: EventDraft,
        time: Timestamp,
        at position: Int,
        id: EventID?
    ) -> [SequenceFault] {
        var faults: [SequenceFault] = []
        let (run, payload) = (draft.runID, draft.payload)
        switch check(draft, at: time) {
        case .lookUp:
            preconditionFailure("a run that was not met is told to the machine as such")
        case .reject(let violation):
            faults.append(fault(violation, position, id))
        case .accept(let acceptance):
            apply(acceptance, of: draft)
            if payload.type?.beginsRun == true, let run, starts[run] == nil {
                starts[run] = Start(position: position, event: id)
            }
            if id != nil, let first = acceptance.closing.first {
                // Where events are made these are logged before the end; a recording has them too.
                let names = acceptance.closing.map(\.payload.typeName)
                let message =
                    "the run ends with work open (run \(first.run)); legal before it: \(names.joined(separator: ", "))"
                faults.append(
                    SequenceFault(
                        position: position, rule: OrderRule.workOpen.rawValue, message: message, threadID: thread,
                        eventID: id, legal: names))
            }
        }
        if let run, let held = suspected[run], !continuesClosing(payload) {
            suspected[run] = nil
            if payload.type?.endsRun != true { faults = held + faults }
        }
        return faults
    }

    /// The ids of runs that have ended are free again.
    mutating func forget(_ runs: Set<RunID>) { met.subtract(runs.subtracting(machine.openRuns)) }

    /// The faults at the end of the sequence: runs that have no end.
    func finish() -> [SequenceFault] {
        var faults = suspected.values.flatMap { $0 }.sorted { $0.position < $1.position }
        for run in machine.openRuns {
            guard let start = starts[run] else { continue }
            let ends = [EventType.agentCompleted, .agentFailed, .agentCancelled].map(\.rawValue)
            faults.append(
                SequenceFault(
                    position: start.position, rule: "run.unended",
                    message: "the run \(run) starts here and has no end; legal: \(ends.joined(separator: ", "))",
                    threadID: thread, eventID: start.event, legal: ends))
        }
        return faults
    }

    private func closesWork(_ payload: EventPayload) -> Bool {
        switch payload {
        case .messageCompleted: true
        default: false
        }
    }

    /// Whether an event may stand between the end of a message in a paused run and the end of that run.
    private func continuesClosing(_ payload: EventPayload) -> Bool {
        switch payload {
        case .toolCompleted, .approvalResolved: true
        default: false
        }
    }

    private mutating func check(_ draft: EventDraft, at time: Timestamp) -> ThreadStateMachine.CheckAction {
        let action = machine.check(draft, at: time)
        guard case .lookUp(let run) = action else { return action }
        return machine.check(draft, at: time, lookedUp: [run: met.contains(run)])
    }

    private mutating func apply(_ acceptance: ThreadStateMachine.Acceptance, of draft: EventDraft) {
        if draft.payload.type?.beginsRun == true, let run = draft.runID { met.insert(run) }
        var journal = machine.journal
        machine.apply(acceptance, of: draft, &journal)
        guard acceptance.endsRun else { return }
        // What has ended is known here.
        machine.didOffer(at: 0)
        machine.forgetEndedRuns(committedThrough: 0)
    }

    private func fault(_ violation: OrderViolation, _ position: Int, _ id: EventID?) -> SequenceFault {
        SequenceFault(
            position: position, rule: violation.rule.rawValue, message: violation.message, threadID: thread,
            eventID: id,
            legal: violation.legal)
    }
}

/// The state of a thread's sequence: every next event has the next number, or stands for a range that begins with it;
/// the same generation or a later one; and the same time or a later one (I2).
private struct SequencePlace: Hashable {
    private(set) var firstSequence: UInt64?
    private(set) var last: EventID?
    private var lastTime: Timestamp?

    struct Problem: Hashable {
        let rule: String
        let message: String
    }

    /// Whether the sequence begins with the thread's first event.
    var isWhole: Bool { firstSequence == 1 }

    mutating func receive(_ event: AgentEvent) -> [Problem] {
        var problems: [Problem] = []
        let first = event.fromSequence ?? event.sequence
        if let last {
            let due = last.sequence + 1
            if first > due {
                problems.append(Problem(rule: "seq.gap", message: "seq \(first) where \(due) was due"))
            } else if first < due {
                problems.append(Problem(rule: "seq.repeated", message: "seq \(first) where \(due) was due"))
            }
            if event.id.generation < last.generation {
                problems.append(
                    Problem(rule: "id.generation", message: "id \(event.id) after \(last): generations only rise"))
            }
        } else {
            firstSequence = first
        }
        // A type that this version does not know may be mergeable in a later one.
        if event.fromSequence != nil, let type = event.type, !type.isFragment {
            let message = "\(event.typeName) has a from_seq: only fragments of a message or a thought are merged"
            problems.append(Problem(rule: "seq.merged", message: message))
        }
        if let lastTime, event.time < lastTime {
            problems.append(
                Problem(
                    rule: "time.backwards",
                    message: "time \(event.time.rfc3339) after \(lastTime.rfc3339): it never goes backwards"))
        }
        last = event.id
        lastTime = max(event.time, lastTime ?? event.time)
        return problems
    }
}
