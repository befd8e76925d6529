internal import AgentEvents

/// Decides when `tail` has seen enough.
struct TailEnd {
    private var remaining: Int?
    private let untilEnd: Bool
    private var childRuns: Set<RunID> = []

    init(count: Int?, untilEnd: Bool) {
        remaining = count
        self.untilEnd = untilEnd
    }

    /// - Parameter event: the event that was just shown; `nil` when it could not be decoded.
    mutating func isReached(after event: AgentEvent?) -> Bool {
        if let left = remaining {
            remaining = left - 1
            if left <= 1 { return true }
        }
        guard untilEnd, let event, let run = event.runID else { return false }
        if case .agentStarted(let started) = event.payload, started.parentRunID != nil { childRuns.insert(run) }
        return event.type?.endsRun == true && !childRuns.contains(run)
    }
}
