package import AgentEvents
import Synchronization

extension AgentDispatcher: CommitObserver {
    /// The events from which a run may rest on.
    private static let restingTypes: Set<EventType> = [.agentPaused, .approvalRequested, .toolCompleted]

    package func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        parked.didCommit(commit)
        guard isConcerned.load(ordering: .sequentiallyConsistent) else { return }
        let isResting = hasResting.load(ordering: .sequentiallyConsistent)
        var ended: [RunQueueStateMachine.Place] = []
        var started: [RunQueueStateMachine.Place] = []
        var mayRest = false
        for entry in commit.entries {
            guard let run = entry.run else { continue }
            if isResting || Self.restingTypes.contains(entry.type) {
                rested.insert(entry.owner.thread, of: entry.owner.user)
                mayRest = true
            }
            if entry.type.endsRun {
                ended.append(RunQueueStateMachine.Place(thread: entry.owner.thread, run: run))
            } else if entry.type == .agentStarted {
                started.append(RunQueueStateMachine.Place(thread: entry.owner.thread, run: run))
            }
        }
        if mayRest { rests.signal() }
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
        guard !agents.isEmpty else { return }
        for thread in threads { advanced.insert(thread.thread, of: thread.user) }
        advances.signal()
    }
}
