package import AgentEvents

/// Checks the runs of one thread that answer messages, on the events of its log in their order: how they are queued, start
/// and end. Runs that answer no message, as far as their events say, are orchestrated by others, and are not looked at.
package struct QueueCheck: Sendable {
    /// A fault of a thread.
    package enum Fault: Hashable, Sendable {
        /// Two runs that answer messages are open at once.
        case twoOpen(RunID, RunID)
        /// A queued run started before one that was queued earlier. That is no fault where the agent of the earlier one was not
        /// served at the time.
        case overtaken(RunID, by: RunID)
        /// A message has no run, and no run has taken it.
        case unanswered(MessageID)
        /// A run that answers messages has not ended.
        case open(RunID)
    }

    /// Whether runs may be open beside each other.
    private let isParallel: Bool
    private var messages: [MessageID] = []
    private var answered: Set<MessageID> = []
    /// The messages that were given to a run under way.
    private var given: [RunID: [MessageID]] = [:]
    /// The open runs, and when they may start.
    private var runs: [RunID: Timestamp?] = [:]
    /// The queued runs, in their order.
    private var queue: [RunID] = []
    private var started: [RunID] = []
    package private(set) var faults: [Fault] = []

    package init(isParallel: Bool = false) { self.isParallel = isParallel }

    /// The thread's next event.
    package mutating func receive(_ event: AgentEvent) {
        switch event.payload {
        case .userMessage(let message):
            messages.append(message.messageID)
            if let run = message.givenTo { given[run, default: []].append(message.messageID) }
        case .inputTaken(let taken):
            answered.formUnion(taken.messageIDs)
        case .agentQueued(let queued):
            guard let run = event.runID, !queued.messageIDs.isEmpty else { return }
            answered.formUnion(queued.messageIDs)
            runs[run] = .some(queued.notBefore)
            queue.append(run)
        case .agentStarted(let start):
            guard let run = event.runID, !start.messageIDs.isEmpty else { return }
            answered.formUnion(start.messageIDs)
            if let place = queue.firstIndex(of: run) {
                for earlier in queue[..<place] where (runs[earlier] ?? nil).map({ $0 <= event.time }) ?? true {
                    faults.append(.overtaken(earlier, by: run))
                }
                queue.remove(at: place)
            }
            if !isParallel, let other = started.first { faults.append(.twoOpen(other, run)) }
            runs[run] = .some(nil)
            started.append(run)
        case .agentCompleted, .agentFailed, .agentCancelled:
            // What takes the place of a run takes that of its messages.
            if let run = event.runID, case .agentCancelled(let cancelled) = event.payload, cancelled.supersededBy != nil
            {
                answered.formUnion(given[run] ?? [])
            }
            guard let run = event.runID, runs.removeValue(forKey: run) != nil else { return }
            queue.removeAll { $0 == run }
            started.removeAll { $0 == run }
        case .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting, .toolProgress,
            .toolCompleted, .approvalRequested, .approvalResolved, .usageReported, .agentPaused, .agentResumed,
            .stateUpdated, .custom, .unknown:
            return
        }
    }

    /// The faults at rest, once nothing more happens.
    ///
    /// - Parameter isAccepted: whether a message has to have a run.
    package func faultsAtRest(where isAccepted: (MessageID) -> Bool = { _ in true }) -> [Fault] {
        let due = messages.filter(isAccepted)
        return faults + due.filter { !answered.contains($0) }.map { .unanswered($0) }
            + (queue + started).map { .open($0) }
    }
}
