/// The times in which runs wait for a place to work: they may work by their events, and do not rest. In this process alone:
/// the log does not tell of places.
///
/// ```
///            a task of the run begins to wait         the last one that waits has a place
///   works ──────────────────────────────────> waits ─────────────────────────────────────> works
/// ```
struct SlotWaits: Sendable {
    private struct Wait: Sendable {
        /// In the waits that are over.
        var milliseconds: Int64 = 0
        /// The number of the tasks that wait.
        var taskCount = 0
        var since = Timestamp(milliseconds: 0)
        /// The time that the run had rested by then, in milliseconds.
        var rested: Int64 = 0

        /// What the run rests while it waits counts as its rest.
        func elapsed(at time: Timestamp, rested: Int64) -> Int64 {
            taskCount == 0 ? 0 : max(0, time.milliseconds(since: since) - max(0, rested - self.rested))
        }
    }

    private var waits: [RunID: Wait] = [:]

    /// The number of tasks that wait.
    var taskCount: Int { waits.values.reduce(0) { $0 + $1.taskCount } }

    func isWaiting(_ run: RunID) -> Bool { (waits[run]?.taskCount ?? 0) > 0 }

    /// The time that a run has waited so far, in milliseconds, without what it has rested.
    ///
    /// - Parameter rested: the time that it has rested so far, in milliseconds.
    func milliseconds(of run: RunID, at time: Timestamp, rested: Int64) -> Int64 {
        waits[run].map { $0.milliseconds + $0.elapsed(at: time, rested: rested) } ?? 0
    }

    mutating func begin(_ run: RunID, at time: Timestamp, rested: Int64) {
        var wait = waits[run] ?? Wait()
        if wait.taskCount == 0 { (wait.since, wait.rested) = (time, rested) }
        wait.taskCount += 1
        waits[run] = wait
    }

    mutating func end(_ run: RunID, at time: Timestamp, rested: Int64) {
        guard var wait = waits[run] else { return }
        if wait.taskCount == 1 { wait.milliseconds += wait.elapsed(at: time, rested: rested) }
        wait.taskCount -= 1
        waits[run] = wait
    }

    /// The run has ended.
    mutating func forget(_ run: RunID) { waits[run] = nil }
}
