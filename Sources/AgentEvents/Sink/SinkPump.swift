import Synchronization

/// Drives one sink: a cursor over the log of all threads. It has no queue; what the sink has not taken is read again.
final class SinkPump: CommitObserver {
    private struct State {
        var condition = SinkState.Condition.working
        var receivedCount: UInt64 = 0
        var missedTrimCount = 0
        /// Commits told of, and how many of them had been when the sink last stood at the log's end.
        var commits: UInt64 = 0
        var caughtUpTo: UInt64 = 0
        var isOver = false
        var waiters: [(commits: UInt64, waiter: CheckedContinuation<Void, Never>)] = []
    }

    private let sink: any EventSink
    private let log: any EventLog
    private let retry: SinkRetryPolicy
    private let signal = WakeSignal()
    private let state = Mutex(State())

    init(sink: any EventSink, log: any EventLog, retry: SinkRetryPolicy) {
        self.sink = sink
        self.log = log
        self.retry = retry
    }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        state.withLock { $0.commits += 1 }
        signal.signal()
    }

    /// No further commits; ``run(from:)`` gives the sink what is there and returns.
    func finish() { signal.finish() }

    var sinkState: SinkState {
        state.withLock { state in
            SinkState(
                name: sink.name, condition: state.condition, receivedCount: state.receivedCount,
                missedTrimCount: state.missedTrimCount)
        }
    }

    /// Returns when the sink has taken every commit so far, or has failed.
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

    /// Gives the sink page after page, until ``finish()`` or a failure for good. Finishing wins over cancellation, so that
    /// what was committed is delivered; a sink that only throws ends the run by its attempts.
    func run(from offset: UInt64) async {
        var offset = offset
        var isLast = false
        while true {
            let commits = state.withLock { $0.commits }
            do {
                var reachesEnd = false
                while !reachesEnd {
                    let page = try await log.read(LogRead(.all(afterOffset: offset)))
                    if page.skipsTrimmed { state.withLock { $0.missedTrimCount += 1 } }
                    if !page.events.isEmpty { try await give(SinkBatch(events: page.events)) }
                    offset = page.nextOffset
                    reachesEnd = page.reachesEnd
                }
            } catch {
                end(.failed(error))
                return
            }
            didCatchUp(to: commits)
            if isLast { break }
            if await !signal.wait() { isLast = true }
        }
        end(nil)
    }

    private func give(_ batch: SinkBatch) async throws {
        var failures = 0
        while true {
            do {
                try await sink.receive(batch)
                state.withLock { state in
                    state.condition = .working
                    state.receivedCount += UInt64(batch.events.count)
                }
                return
            } catch {
                failures += 1
                if failures >= retry.maximumAttempts { throw error }
                state.withLock { $0.condition = .retrying(failures: failures, last: error) }
                // A cancelled pause is short; the attempts are counted all the same.
                try? await Task.sleep(for: .seconds(retry.pauseSeconds(afterFailures: failures)))
            }
        }
    }

    private func didCatchUp(to commits: UInt64) {
        let waiters = state.withLock { state in
            state.caughtUpTo = commits
            defer { state.waiters.removeAll { $0.commits <= commits } }
            return state.waiters.filter { $0.commits <= commits }
        }
        for waiting in waiters { waiting.waiter.resume() }
    }

    private func end(_ condition: SinkState.Condition?) {
        let waiters = state.withLock { state in
            if let condition { state.condition = condition }
            state.isOver = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiting in waiters { waiting.waiter.resume() }
    }
}
