import Synchronization

/// The progress of a sink, and the tasks that wait until it has caught up.
final class SinkProgress: Sendable {
    private struct State {
        var condition = SinkState.Condition.working
        var refusedSince: Timestamp?
        var nextTry: Timestamp?
        var receivedCount: UInt64 = 0
        var setAsideCount: UInt64 = 0
        var missedTrimCount: UInt64 = 0
        var attemptCount: UInt64 = 0
        var refusalCount: UInt64 = 0
        var divergedCount: UInt64 = 0
        /// The commits announced, and their number when the sink last stood at the log's end.
        var commits: UInt64 = 0
        var caughtUpTo: UInt64 = 0
        var isOver = false
        var waiters: [(commits: UInt64, waiter: CheckedContinuation<Void, Never>)] = []
        var observer: (any SinkObserver)?

        mutating func works() {
            condition = .working
            refusedSince = nil
            nextTry = nil
        }
    }

    private let state = Mutex(State())

    /// The number of commits that were announced.
    var commits: UInt64 { state.withLock { $0.commits } }

    func sinkState(name: String) -> SinkState {
        state.withLock { state in
            SinkState(
                name: name,
                condition: state.condition,
                refusedSince: state.refusedSince,
                nextTry: state.nextTry,
                receivedCount: state.receivedCount,
                setAsideCount: state.setAsideCount,
                missedTrimCount: state.missedTrimCount,
                attemptCount: state.attemptCount,
                refusalCount: state.refusalCount,
                divergedCount: state.divergedCount,
                pendingCommitCount: state.commits - min(state.commits, state.caughtUpTo)
            )
        }
    }

    func didCommit() {
        state.withLock { $0.commits += 1 }
    }

    func didTake(_ count: Int) {
        state.withLock { state in
            state.works()
            state.receivedCount += UInt64(count)
        }
    }

    func didErase() {
        state.withLock { $0.works() }
    }

    func didSetAside() {
        state.withLock { state in
            state.works()
            state.setAsideCount += 1
        }
    }

    /// Events were trimmed before the sink was given them.
    func didMissTrimmed() {
        state.withLock { $0.missedTrimCount += 1 }
    }

    func didRefuse(failures: Int, last: any Error, at now: Timestamp) {
        state.withLock { state in
            state.condition = .retrying(failures: failures, last: last)
            state.refusedSince = state.refusedSince ?? now
            state.refusalCount += 1
        }
    }

    /// The refused batch is given again at a time; `nil` for now.
    func willTry(at time: Timestamp?) {
        state.withLock { $0.nextTry = time }
    }

    func setObserver(_ observer: any SinkObserver) {
        state.withLock { $0.observer = observer }
    }

    /// Tells the observer, outside of the lock.
    func tell(_ notice: SinkNotice) {
        state.withLock { $0.observer }?.note(notice)
    }

    /// The sink is given a batch.
    func didAttempt() {
        state.withLock { $0.attemptCount += 1 }
    }

    /// The log lost events that the sink has.
    func didDiverge() {
        state.withLock { $0.divergedCount += 1 }
    }

    /// Returns when the sink has taken every commit so far, or is over.
    func catchUp() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.isOver || state.caughtUpTo >= state.commits { return true }
                state.waiters.append((state.commits, continuation))
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    /// The sink has taken everything of this number of commits.
    func didCatchUp(to commits: UInt64) {
        let waiters = state.withLock { state in
            state.caughtUpTo = commits
            defer { state.waiters.removeAll { $0.commits <= commits } }
            return state.waiters.filter { $0.commits <= commits }
        }
        for waiting in waiters { waiting.waiter.resume() }
    }

    /// The sink is given nothing more.
    ///
    /// - Parameter condition: the last one, where it is another one now.
    func end(_ condition: SinkState.Condition?) {
        let waiters = state.withLock { state in
            if let condition { state.condition = condition }
            state.nextTry = nil
            state.isOver = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiting in waiters { waiting.waiter.resume() }
    }
}
