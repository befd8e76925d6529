package import AgentEvents
import Synchronization

extension AgentDispatcher: CommitObserver {
    package func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        parked.didCommit(commit)
        guard isConcerned.load(ordering: .sequentiallyConsistent) else { return }
        let isResting = hasResting.load(ordering: .sequentiallyConsistent)
        var ended: [RunQueueStateMachine.Place] = []
        var started: [RunQueueStateMachine.Place] = []
        // Most of a commit is of few threads, whose events mostly follow each other.
        var noted: ThreadOwner?
        for entry in commit.entries {
            guard let run = entry.run else { continue }
            if isResting || entry.type.mayRestRun, noted !== entry.owner {
                rested.insert(entry.owner.thread, of: entry.owner.user)
                noted = entry.owner
            }
            if entry.type.endsRun {
                ended.append(RunQueueStateMachine.Place(thread: entry.owner.thread, run: run))
            } else if entry.type == .agentStarted {
                started.append(RunQueueStateMachine.Place(thread: entry.owner.thread, run: run))
            }
        }
        if noted != nil { rests.signal() }
        guard !ended.isEmpty || !started.isEmpty else { return }
        perform { queue in
            var actions: [RunQueueStateMachine.Action] = []
            // What was queued and has started is so no longer, whoever started it.
            for place in started + ended where queue.isQueued(place) { actions += queue.left(place) }
            for place in ended { actions += queue.freed(place.thread) }
            return actions
        }
    }

    package func didAdvance(_ threads: [AdvancedThread]) {
        guard hasAgents else { return }
        for thread in threads { advanced.insert(thread.thread, of: thread.user) }
        advances.signal()
    }
}

extension EventType {
    /// Whether a run may rest from the event on: its own, or one above it, which waits for people and is left alone with that.
    /// (No look-up in a set: that would hash the name of each event.)
    fileprivate var mayRestRun: Bool {
        switch self {
        case .agentPaused, .agentResumed, .approvalRequested, .toolCompleted, .agentCompleted, .agentFailed,
            .agentCancelled:
            true
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .approvalResolved, .usageReported, .userMessage,
            .stateUpdated, .custom:
            false
        }
    }
}
