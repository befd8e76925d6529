import AgentEvents

/// The texts that the runs of a thread have said, by their fragments: what an agent says is there once, in its order,
/// whatever pauses it.
struct SaidAccount {
    private var texts: [RunID: String] = [:]
    private var ended: Set<RunID> = []

    mutating func receive(_ event: AgentEvent) {
        guard let run = event.runID else { return }
        if case .messageDelta(let delta) = event.payload { texts[run, default: ""] += delta.text }
        if event.type?.endsRun == true { ended.insert(run) }
    }

    /// - Returns: what a run has said; `nil` when its end is not known.
    func text(of run: RunID) -> String? { ended.contains(run) ? texts[run] ?? "" : nil }
}
