import Synchronization

/// Wakes one task that reads the log after its cursor. A signal that comes while the task is busy is remembered, so
/// none is lost; several count as one.
package final class WakeSignal: Sendable {
    private enum State {
        case quiet
        case signalled
        case waiting(CheckedContinuation<Bool, Never>)
        case finished
    }

    private let state = Mutex(State.quiet)

    package init() {}

    package func signal() {
        let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
            switch state {
            case .quiet, .signalled:
                state = .signalled
                return nil
            case .waiting(let waiter):
                state = .quiet
                return waiter
            case .finished:
                return nil
            }
        }
        waiter?.resume(returning: true)
    }

    /// No further signal will come; a waiting task is released.
    package func finish() {
        let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
            defer { state = .finished }
            if case .waiting(let waiter) = state { return waiter }
            return nil
        }
        waiter?.resume(returning: false)
    }

    /// Waits for a signal since the last wait. One task at a time.
    ///
    /// - Returns: `false` when no further signal will come, or the task is cancelled.
    package func wait() async -> Bool {
        await withTaskCancellationHandler {
            await wait(isCancelled: { Task.isCancelled })
        } onCancel: {
            let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
                guard case .waiting(let waiter) = state else { return nil }
                state = .quiet
                return waiter
            }
            waiter?.resume(returning: false)
        }
    }

    /// As ``wait()``, but a cancelled task waits as well: for one that has work to do until ``finish()``.
    func waitThroughCancellation() async -> Bool {
        await wait(isCancelled: { false })
    }

    private func wait(isCancelled: () -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                switch state {
                case .quiet:
                    // Looked at under the lock, so that a cancellation before this moment is seen, and one after it
                    // finds the waiter.
                    if isCancelled() { return false }
                    state = .waiting(continuation)
                    return nil
                case .signalled:
                    state = .quiet
                    return true
                case .waiting:
                    preconditionFailure("one task waits for a signal")
                case .finished:
                    return false
                }
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}
