internal import AgentEvents

/// The order of one thread in a recording, checked by the same machine that checks it where events are made (I3).
struct RecordedThread {
    private let policy: OrderPolicy
    private var machine: ThreadStateMachine
    private var place = RecordedPlace()
    private var startLines: [RunID: Int] = [:]
    /// Ends of open work in a paused run: right when the run's failure or cancellation follows, wrong when not.
    private var suspected: [RunID: [RecordingFault]] = [:]

    init(policy: OrderPolicy) {
        self.policy = policy
        machine = ThreadStateMachine(policy: policy)
    }

    /// How many runs were started.
    var runCount: Int { startLines.count }

    /// A recorded event, with its place in the thread.
    mutating func receive(_ event: AgentEvent, line: Int) -> [RecordingFault] {
        var faults = place.receive(event).map { RecordingFault(line: line, rule: $0.rule, message: $0.message) }
        // A recording that begins in the middle cannot tell about runs that were open then.
        if !place.isWhole, let run = event.run, startLines[run] == nil, event.type != .agentStarted { return faults }
        if case .unknown = event.payload { return faults }
        let time = event.time
        if let run = event.run, closesWork(event.payload) {
            if case .reject(let violation) = peek(event), violation.rule == .paused {
                suspected[run, default: []].append(fault(violation, line))
                machine.restore(event)
                return faults
            }
        }
        faults += receive(
            run: event.run, agent: event.agent, payload: event.payload, time: time, line: line, isRecorded: true)
        return faults
    }

    /// An event to be emitted, which has no place yet.
    mutating func receive(_ draft: EventDraft, line: Int) -> [RecordingFault] {
        receive(
            run: draft.run, agent: draft.agent, payload: draft.payload, time: Timestamp(milliseconds: 0), line: line,
            isRecorded: false)
    }

    private mutating func receive(
        run: RunID?,
        agent: AgentName?,
        payload: EventPayload,
        time: Timestamp,
        line: Int,
        isRecorded: Bool
    ) -> [RecordingFault] {
        var faults: [RecordingFault] = []
        switch machine.receive(run: run, agent: agent, payload: payload, at: time) {
        case .reject(let violation):
            faults.append(fault(violation, line))
        case .accept(let acceptance):
            if case .agentStarted = payload, let run { startLines[run] = line }
            if isRecorded, let first = acceptance.closing.first {
                // Where events are made these are logged before the end; a recording has them too.
                let names = acceptance.closing.map(\.payload.typeName).joined(separator: ", ")
                faults.append(
                    RecordingFault(
                        line: line, rule: OrderRule.workOpen.rawValue,
                        message: "the run ends with work open (run \(first.run)); legal before it: \(names)"))
            }
        }
        if let run, let held = suspected.removeValue(forKey: run) {
            switch payload {
            case .agentFailed, .agentCancelled: break
            default: faults = held + faults
            }
        }
        return faults
    }

    /// What is still open at the end of the recording.
    mutating func finish() -> [RecordingFault] {
        var faults = suspected.values.flatMap { $0 }
        for run in machine.openRuns {
            guard let line = startLines[run] else { continue }
            faults.append(
                RecordingFault(
                    line: line, rule: "run.unended",
                    message: "the run \(run) starts here and has no end; legal: agent_completed, agent_failed, agent_cancelled"
                ))
        }
        return faults
    }

    private func closesWork(_ payload: EventPayload) -> Bool {
        switch payload {
        case .messageCompleted, .approvalResolved: true
        default: false
        }
    }

    private func peek(_ event: AgentEvent) -> ThreadStateMachine.ReceiveAction {
        var copy = machine
        return copy.receive(run: event.run, agent: event.agent, payload: event.payload, at: event.time)
    }

    private func fault(_ violation: OrderViolation, _ line: Int) -> RecordingFault {
        RecordingFault(line: line, rule: violation.rule.rawValue, message: violation.message)
    }
}
