import AgentEvents

/// What the events of a thread say has happened to its messages and runs.
struct RunOccurrences {
    /// The messages that were given to runs under way, and that nobody has taken yet.
    private var given: Set<MessageID> = []
    /// The open runs that answer messages.
    private var answering: Set<RunID> = []
    /// The runs that started last, for those who want them done again.
    private(set) var started: [RunID] = []

    mutating func receive(_ event: AgentEvent) -> [Occurrence] {
        var occurrences: [Occurrence] = []
        switch event.payload {
        case .userMessage(let message):
            guard message.givenTo != nil else { break }
            given.insert(message.messageID)
            occurrences.append(.messageSteered)
        case .inputTaken(let taken):
            given.subtract(taken.messageIDs)
        case .agentQueued(let queued):
            if !given.isDisjoint(with: queued.messageIDs) { occurrences.append(.leftInputQueued) }
            given.subtract(queued.messageIDs)
            if queued.retryOf != nil { occurrences.append(.runRetried) }
        case .agentStarted(let start):
            if start.retryOf != nil { occurrences.append(.runRetried) }
            if !start.messageIDs.isEmpty, !answering.isEmpty { occurrences.append(.runBesideOthers) }
            begin(event.runID, answers: !start.messageIDs.isEmpty)
        case .agentCancelled(let cancelled):
            if cancelled.isDiscarded { occurrences.append(.runRolledBack) }
            if cancelled.reason == "merged" { occurrences.append(.runsMerged) }
        case .agentFailed(let failed):
            if failed.error.code == "run.not_started_in_time" { occurrences.append(.runNotStartedInTime) }
        default:
            break
        }
        if event.type?.endsRun == true, let run = event.runID { answering.remove(run) }
        return occurrences
    }

    private mutating func begin(_ run: RunID?, answers: Bool) {
        guard let run else { return }
        if answers { answering.insert(run) }
        started.append(run)
        if started.count > 8 { started.removeFirst() }
    }
}
