import AgentEvents

/// The tokens that the ends of a thread's runs say. A run's are its own, and those that the ends of its children say.
struct UsageAccount {
    private var parents: [RunID: RunID] = [:]
    private var ofChildren: [RunID: Int64] = [:]
    private var completed: [RunID: Int64] = [:]

    mutating func receive(_ event: AgentEvent) {
        guard let run = event.runID else { return }
        switch event.payload {
        case .agentStarted(let started):
            parents[run] = started.parentRunID
        case .agentCompleted(let ended):
            completed[run] = ended.usage?.inputTokens ?? 0
            ended.usage.map { add($0, ofChild: run) }
        case .agentFailed(let ended): ended.usage.map { add($0, ofChild: run) }
        case .agentCancelled(let ended): ended.usage.map { add($0, ofChild: run) }
        default: break
        }
    }

    private mutating func add(_ usage: TokenUsage, ofChild run: RunID) {
        guard let parent = parents[run] else { return }
        ofChildren[parent, default: 0] += usage.inputTokens ?? 0
    }

    /// - Parameter own: what the run has used itself.
    /// - Returns: what its end says, and what it has to say; `nil` when its end is not known, or was not a good one.
    func tokens(of run: RunID, own: Int64) -> (said: Int64, due: Int64)? {
        completed[run].map { ($0, own + (ofChildren[run] ?? 0)) }
    }
}
