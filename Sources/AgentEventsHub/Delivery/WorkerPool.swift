import AgentEvents
import Synchronization

/// Tasks that do what event loops must not: read the log, run contexts. Jobs start in the order in which they came.
///
/// The queue is bounded by those who submit: a session has at most one page and one batch of emissions under way, and one
/// look-up for each of its subscriptions.
final class WorkerPool: Sendable {
    typealias Job = @Sendable () async -> Void

    private struct State {
        var jobs = Deque<Job>()
        var idle: [CheckedContinuation<Job?, Never>] = []
        var isFinished = false
    }

    private let state = Mutex(State())
    private let workerCount: Int?

    /// - Parameter workerCount: how many jobs are done at a time; `nil` for all at once, each by a task of its own: for
    ///   jobs that mostly wait for each other.
    init(workerCount: Int?) { self.workerCount = workerCount }

    /// - Returns: `false` when the pool is finished and the job will not be done.
    @discardableResult
    func submit(_ job: @escaping Job) -> Bool {
        let (accepted, worker): (Bool, CheckedContinuation<Job?, Never>?) = state.withLock { state in
            if state.isFinished { return (false, nil) }
            if let worker = state.idle.popLast() { return (true, worker) }
            state.jobs.append(job)
            return (true, nil)
        }
        worker?.resume(returning: job)
        return accepted
    }

    /// Works until ``finish()``; what was submitted before is done.
    func run() async {
        await withDiscardingTaskGroup { group in
            guard let workerCount else {
                while let job = await nextJob() { group.addTask { await job() } }
                return
            }
            for _ in 0..<workerCount {
                group.addTask {
                    while let job = await self.nextJob() { await job() }
                }
            }
        }
    }

    func finish() {
        let idle = state.withLock { state in
            state.isFinished = true
            defer { state.idle = [] }
            return state.idle
        }
        for worker in idle { worker.resume(returning: nil) }
    }

    private func nextJob() async -> Job? {
        await withCheckedContinuation { continuation in
            let job: Job?? = state.withLock { state in
                if let job = state.jobs.popFirst() { return .some(job) }
                if state.isFinished { return .some(nil) }
                state.idle.append(continuation)
                return nil
            }
            if let job { continuation.resume(returning: job) }
        }
    }
}
