import AgentEvents
import CoreMetrics

/// Counts commits and their events. A commit costs a few additions, whatever number of events it has.
final class CommitMetrics: CommitObserver {
    private let commits: Counter
    /// In the order of ``EventType/allCases``.
    private let events: [Counter]
    private let duration: Timer

    init(factory: any MetricsFactory) {
        commits = ServiceMetric.commits.counter(in: factory)
        events = EventType.allCases.map { ServiceMetric.committedEvents.counter($0.rawValue, in: factory) }
        duration = ServiceMetric.commitDuration.timer(in: factory)
    }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        commits.increment()
        // Most commits have many events of few types: those of one type that follow each other are added at once.
        var place = 0
        var count = 0
        for entry in commit.entries {
            let next = entry.type.place
            if next != place {
                if count > 0 { events[place].increment(by: count) }
                place = next
                count = 0
            }
            count += 1
        }
        if count > 0 { events[place].increment(by: count) }
    }

    func didTake(_ duration: Duration) { self.duration.record(duration) }

    func didAdvance(_ threads: [AdvancedThread]) {}
}

extension EventType {
    /// The place among all cases. A look-up in a table would hash the name of each event.
    fileprivate var place: Int {
        switch self {
        case .agentQueued: 0
        case .agentStarted: 1
        case .inputTaken: 2
        case .agentThinking: 3
        case .agentProgress: 4
        case .messageDelta: 5
        case .messageCompleted: 6
        case .toolExecuting: 7
        case .toolProgress: 8
        case .toolCompleted: 9
        case .approvalRequested: 10
        case .approvalResolved: 11
        case .usageReported: 12
        case .agentPaused: 13
        case .agentResumed: 14
        case .agentCompleted: 15
        case .agentFailed: 16
        case .agentCancelled: 17
        case .userMessage: 18
        case .stateUpdated: 19
        case .custom: 20
        }
    }
}
