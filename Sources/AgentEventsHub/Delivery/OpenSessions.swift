import Synchronization

/// Counts the sessions of all event loops, for those who wait for the last one.
final class OpenSessions: Sendable {
    private let state = Mutex((count: 0, isAwaited: false))
    private let gate = Gate()

    func didBegin() { state.withLock { $0.count += 1 } }

    func didEnd() {
        let isAwaitedLast = state.withLock { state in
            state.count -= 1
            return state.isAwaited && state.count == 0
        }
        if isAwaitedLast { gate.open() }
    }

    /// Returns when no session is open, or the task is cancelled. Called once, when no further ones stay.
    func waitForTheLast() async {
        let isOpen = state.withLock { state in
            state.isAwaited = true
            return state.count > 0
        }
        if isOpen { await gate.wait() }
    }
}
