import AgentEvents

extension ThreadState {
    /// The newest run without a parent that does something; one that is queued only if there is no other, since it does not start while
    /// another waits.
    var workingRun: RunID? {
        let roots = openRuns.filter { $0.parentRunID == nil }
        let started = roots.filter { $0.status != .queued }
        return started.isEmpty ? roots.last?.runID : started.last { !waitsForPeople($0.runID) }?.runID
    }

    /// The run whose message a client of the AI SDK resumes: the one that works or, when none does, the newest that waits.
    var resumableRun: RunID? {
        workingRun ?? openRuns.last { $0.parentRunID == nil && $0.status != .queued }?.runID
    }

    /// Whether nothing is left to do in a run until people have answered: the rule of ``StreamedRuns/waits(_:)``, by which streams end. A
    /// call beside the question may have ended after it, so it is wider than ``Run/isWaiting``.
    func waitsForPeople(_ run: RunID) -> Bool {
        let children = openRuns.filter { $0.parentRunID == run }
        let asked = approvals.filter { $0.runID == run }
        guard !asked.isEmpty || !children.isEmpty, children.allSatisfy({ waitsForPeople($0.runID) }) else {
            return false
        }
        guard !messages.contains(where: { $0.runID == run && !$0.isComplete }) else { return false }
        return calls.allSatisfy { call in
            call.runID != run || asked.contains { $0.callID == call.callID }
                || children.contains { $0.parentCallID == call.callID }
        }
    }

    /// The run without a parent that a run belongs to.
    func root(of run: RunID) -> RunID {
        var root = run
        while let parent = runs.first(where: { $0.runID == root })?.parentRunID { root = parent }
        return root
    }
}
