extension ThreadState {
    /// The open runs, in the order of their starts.
    public var openRuns: ArraySlice<Run> { runs[endedRuns.count...] }

    /// Changes the open run of an event, which may be new.
    mutating func updateRun(of event: AgentEvent, _ change: (inout Run) -> Void) {
        guard let index = openRunIndex(of: event) else { return }
        change(&runs[index])
    }

    /// Changes the run of an event and ends it, with all that is open in it.
    mutating func endRun(of event: AgentEvent, _ change: (inout Run) -> Void) {
        guard let index = openRunIndex(of: event) else { return }
        var run = runs.remove(at: index)
        change(&run)
        run.end(at: event.time)
        runs.insert(run, at: endedRuns.count)
        endedRuns.add(run.byteCount)
        calls.removeAll { $0.run == run.run }
        approvals.removeAll { $0.run == run.run }
        closeMessages(of: run.run)
        while endedRuns.exceeds(count: limits.runCount, byteCount: limits.runByteCount) {
            endedRuns.subtract(runs.removeFirst().byteCount)
            dropped.runs += 1
        }
    }

    /// The open run of an event, made when there is none; `nil` for an event without a run, or of a run that has ended.
    private mutating func openRunIndex(of event: AgentEvent) -> Int? {
        guard let run = event.run, let agent = event.agent else { return nil }
        if let index = openRuns.lastIndex(where: { $0.run == run }) { return index }
        guard !runs.contains(where: { $0.run == run }) else { return nil }
        runs.append(Run(run: run, agent: agent))
        return runs.count - 1
    }
}
