import AgentEventsFiles
import Synchronization

/// A queue whose work is done when somebody says so, or waits for it; on that one's thread.
package final class ManualWorkQueue: WorkQueue {
    private let pending = Mutex<[@Sendable () -> Void]>([])

    package init() {}

    /// The number of work items that wait.
    package var count: Int { pending.withLock { $0.count } }

    package func start(_ work: @escaping @Sendable () -> Void) { pending.withLock { $0.append(work) } }

    package func wait<Result>(_ work: () -> Result) -> Result {
        while doNext() {}
        return work()
    }

    /// Does the work that was begun first.
    ///
    /// - Returns: whether there was any.
    @discardableResult
    package func doNext() -> Bool {
        let work = pending.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        work?()
        return work != nil
    }
}
