import Synchronization

/// Tells everyone downstream of each commit. It has no queue: who was told reads the log from its own cursor, or takes
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

    func publish(_ commit: LogCommit, upTo position: UInt64) {
        for observer in observers.withLock({ $0 }) { observer.didCommit(commit, upTo: position) }
    }

    func publishFailure(_ error: EventLogError) {
        for observer in observers.withLock({ $0 }) { observer.didFail(error) }
    }
}
