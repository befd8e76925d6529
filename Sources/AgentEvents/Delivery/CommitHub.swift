import Synchronization

/// Tells everyone downstream of each commit. It has no queue: an observer reads the log from its own cursor, or takes
/// the commit's bytes as they are.
package final class CommitHub: Sendable {
    private let observers = Mutex<[any CommitObserver]>([])

    package init() {}

    /// From the next commit on, the observer is told of each.
    package func add(_ observer: any CommitObserver) {
        observers.withLock { $0.append(observer) }
    }

    package func remove(_ observer: any CommitObserver) {
        observers.withLock { $0.removeAll { $0 === observer } }
    }

    func publish(_ commit: LogCommit, upTo position: UInt64, took duration: Duration) {
        for observer in observers.withLock({ $0 }) {
            observer.didCommit(commit, upTo: position)
            observer.didTake(duration)
        }
    }

    func publish(_ threads: [AdvancedThread]) {
        for observer in observers.withLock({ $0 }) { observer.didAdvance(threads) }
    }

    func publishFailure(_ error: EventLogError) {
        for observer in observers.withLock({ $0 }) { observer.didFail(error) }
    }
}

/// Is told of every commit, in order, by the task that writes the log, and of what other writers of it do.
package protocol CommitObserver: AnyObject, Sendable {
    /// Events were committed. Called after they are durable and before the tasks that wait for them continue; never
    /// concurrently with itself. It must not block: it hands the commit over, or wakes a task.
    ///
    /// - Parameter position: everything accepted up to there is committed; see ``EmitReceipt``.
    func didCommit(_ commit: LogCommit, upTo position: UInt64)

    /// The time that the log took for the commit of which it was just told.
    func didTake(_ duration: Duration)

    /// Other writers of the log have committed events: the log has them, and nobody here was handed them. Called by
    /// another task than ``didCommit(_:upTo:)``, one call at a time; an event that is named may be from before one that
    /// was committed here. It must not block.
    func didAdvance(_ threads: [AdvancedThread])

    /// The log failed; nothing more will be committed. Called at most once.
    func didFail(_ error: EventLogError)
}

extension CommitObserver {
    package func didFail(_ error: EventLogError) {}
    package func didTake(_ duration: Duration) {}
}
