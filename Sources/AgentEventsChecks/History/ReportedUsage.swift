import AgentEvents

/// The tokens that the runs of a thread have reported, against what their ends say.
struct ReportedUsage {
    /// The runs whose ends say what their producers put there.
    private let saidByProducers: Set<RunID>
    private var parents: [RunID: RunID] = [:]
    /// Of each open run with the runs below it that have ended.
    private var reported: [RunID: TokenUsage] = [:]

    private init(saidByProducers: Set<RunID>) { self.saidByProducers = saidByProducers }

    /// The ends of runs that count less than the runs, and those below them, have reported.
    ///
    /// - Parameters:
    ///   - events: those of the thread, in any order.
    ///   - drafts: what was emitted there.
    static func faults(in thread: ThreadID, _ events: [AgentEvent], emitted drafts: [EventDraft]) -> [HistoryFault] {
        var usage = ReportedUsage(
            saidByProducers: Set(drafts.filter { $0.payload.usage != nil }.compactMap(\.runID)))
        return events.sorted { $0.sequence < $1.sequence }.compactMap { event in
            usage.receive(event).map { HistoryFault(.usageLost, thread: thread, event: event.id, $0) }
        }
    }

    /// The next event of the thread.
    ///
    /// - Returns: what is wrong with the end of a run.
    private mutating func receive(_ event: AgentEvent) -> String? {
        guard let run = event.runID else { return nil }
        switch event.payload {
        case .agentStarted(let started):
            parents[run] = started.parentRunID
            return nil
        case .usageReported(let report):
            reported[run, default: TokenUsage()].add(report)
            return nil
        default:
            return event.type?.endsRun == true ? end(run, event.payload.usage) : nil
        }
    }

    private mutating func end(_ run: RunID, _ said: TokenUsage?) -> String? {
        let parent = parents.removeValue(forKey: run)
        let sum = reported.removeValue(forKey: run)
        let counted = saidByProducers.contains(run) ? said : sum
        if let parent, let counted {
            reported[parent, default: TokenUsage()] += TokenUsage(
                inputTokens: counted.inputTokens, outputTokens: counted.outputTokens)
        }
        guard let sum, !saidByProducers.contains(run) else { return nil }
        let (input, output) = (sum.inputTokens ?? 0, sum.outputTokens ?? 0)
        guard said?.inputTokens ?? 0 < input || said?.outputTokens ?? 0 < output else { return nil }
        return "\(input) and \(output) tokens were reported in the run \(run) and below it, its end says "
            + "\(said?.inputTokens ?? 0) and \(said?.outputTokens ?? 0)"
    }
}
