import AgentEvents
import Synchronization

/// Tells one task that a thread has further events in the log. A commit that comes while nobody waits is remembered.
final class CommitSignal: CommitObserver {
    private struct State {
        var isSignalled = false
        var isCancelled = false
        var waiter: CheckedContinuation<Bool, Never>?
    }

    private let thread: ThreadID
    private let state = Mutex(State())

    init(thread: ThreadID) { self.thread = thread }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        if commit.entries.contains(where: { $0.owner.thread == thread }) { signal() }
    }

    func didAdvance(_ threads: [AdvancedThread]) {
        if threads.contains(where: { $0.thread == thread }) { signal() }
    }

    private func signal() {
        let waiter = state.withLock { state in
            state.isSignalled = state.waiter == nil
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: true)
    }

    /// Waits for a commit since the last wait.
    ///
    /// - Returns: `false` when the task is cancelled.
    func wait() async -> Bool {
        // A cancellation that comes when the wait is over is not one of the next wait.
        defer { state.withLock { $0.isCancelled = false } }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    defer { state.isSignalled = false }
                    if state.isSignalled || state.isCancelled { return state.isSignalled }
                    state.waiter = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.isCancelled = state.waiter == nil
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(returning: false)
        }
    }
}
