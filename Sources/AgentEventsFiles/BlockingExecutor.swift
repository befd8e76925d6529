import Dispatch
import Synchronization

/// Does pieces of work one after the other, each of which may block its thread.
package protocol WorkQueue: Sendable {
    /// Begins work, without waiting for it, after all that was begun before.
    func start(_ work: @escaping @Sendable () -> Void)

    /// Does work after all that was begun before, and returns when it is done.
    func wait<Result>(_ work: () -> Result) -> Result
}

/// Threads for what blocks them, outside of the pool that runs tasks. With one thread, it is a queue.
package final class BlockingExecutor: TaskExecutor, WorkQueue {
    private let queues: [DispatchQueue]
    private let turn = Atomic<Int>(0)

    /// - Parameter width: how many pieces of work run at a time, at least 1; `nil` for any number.
    package init(label: String, width: Int? = 1) {
        if let width {
            queues = (0..<max(1, width)).map { DispatchQueue(label: "\(label).\($0)") }
        } else {
            queues = [DispatchQueue(label: label, attributes: .concurrent)]
        }
    }

    private var next: DispatchQueue {
        guard queues.count > 1 else { return queues[0] }
        let turn = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return queues[Int(UInt(bitPattern: turn) % UInt(queues.count))]
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        next.async { [self] in
            withExtendedLifetime(self) { job.runSynchronously(on: executor) }
        }
    }

    /// Begins at once: no task has to get its turn first.
    package func start(_ work: @escaping @Sendable () -> Void) { next.async(execute: work) }

    package func wait<Result>(_ work: () -> Result) -> Result {
        precondition(queues.count == 1, "only one thread has an order")
        return queues[0].sync(execute: work)
    }

    /// Does work without blocking the caller's thread. Not sensitive to cancellation.
    package func run<Result: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let result: Swift.Result<Result, Failure> = await withCheckedContinuation { continuation in
            next.async {
                do throws(Failure) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
