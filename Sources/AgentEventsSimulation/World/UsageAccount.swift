import AgentEvents

/// The tokens that the ends of a thread's runs say. A run's are its own, those that it has reported, and those that the ends
/// of its children say.
struct UsageAccount {
    private var parents: [RunID: RunID] = [:]
    private var ofChildren: [RunID: Int64] = [:]
    private var completed: [RunID: Int64] = [:]
    private var reported: [RunID: Int64] = [:]

    /// - Returns: what is wrong with the end of a run: it says less than what was reported in it and below it.
    mutating func receive(_ event: AgentEvent) -> String? {
        guard let run = event.runID else { return nil }
        switch event.payload {
        case .agentStarted(let started):
            parents[run] = started.parentRunID
        case .agentCompleted(let ended):
            completed[run] = ended.usage?.inputTokens ?? 0
            ended.usage.map { add($0, ofChild: run) }
        case .agentFailed(let ended): ended.usage.map { add($0, ofChild: run) }
        case .agentCancelled(let ended): ended.usage.map { add($0, ofChild: run) }
        case .usageReported(let report): reported[run, default: 0] += report.inputTokens
        default: break
        }
        guard event.type?.endsRun == true else { return nil }
        let (said, due) = (event.payload.usage?.inputTokens ?? 0, (reported[run] ?? 0) + (ofChildren[run] ?? 0))
        return said < due ? "run \(run) is said to have used \(said) tokens, and has reported \(due)" : nil
    }

    private mutating func add(_ usage: TokenUsage, ofChild run: RunID) {
        guard let parent = parents[run] else { return }
        ofChildren[parent, default: 0] += usage.inputTokens ?? 0
    }

    /// - Parameter own: what the run has used itself.
    /// - Returns: what its end says, and what it has to say; `nil` when its end is not known, or was not a good one.
    func tokens(of run: RunID, own: Int64) -> (said: Int64, due: Int64)? {
        completed[run].map { ($0, own + (reported[run] ?? 0) + (ofChildren[run] ?? 0)) }
    }
}
