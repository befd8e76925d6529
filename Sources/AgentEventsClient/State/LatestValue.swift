internal import Synchronization

/// A value that changes, for any number of readers. Each sees the latest one; nothing is queued.
package final class LatestValue<Value: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Void, Never>
    private let machine: Mutex<LatestValueStateMachine<Value, Waiter>>

    package init(_ value: Value) { machine = Mutex(LatestValueStateMachine(value)) }

    package var latest: Value { machine.withLock { $0.latest } }

    /// - Parameter version: rises with each value; one that comes late is left out.
    package func set(_ value: Value, version: Int) {
        for waiter in machine.withLock({ $0.set(value, version: version) }) { waiter.resume() }
    }

    /// No further value will come.
    package func finish() {
        for waiter in machine.withLock({ $0.finish() }) { waiter.resume() }
    }

    /// The latest value that is newer than a version; waits for one.
    ///
    /// - Returns: `nil` when none will come, or the task is cancelled.
    package func next(after version: Int?) async -> (value: Value, version: Int)? {
        while !Task.isCancelled {
            switch machine.withLock({ $0.next(after: version) }) {
            case .give(let value, let version): return (value, version)
            case .end: return nil
            case .wait: await change(after: version)
            }
        }
        return nil
    }

    /// Waits until there may be something newer, or the task is cancelled.
    private func change(after version: Int?) async {
        let name = machine.withLock { $0.nextWaiter() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                let mustWait = machine.withLock { machine in
                    // Looked at again under the lock: a change or a cancellation before this moment is seen, and one
                    // after it finds the waiter.
                    guard !Task.isCancelled, case .wait = machine.next(after: version) else { return false }
                    machine.wait(waiter, name: name)
                    return true
                }
                if !mustWait { waiter.resume() }
            }
        } onCancel: {
            machine.withLock { $0.cancel(name) }?.resume()
        }
    }
}
