import Dispatch
import Synchronization

/// Runs tasks on a fixed number of threads outside the cooperative pool, so that their jobs may block.
final class RotatingTaskExecutor: TaskExecutor {
    private let queues: [DispatchQueue]
    private let turn = Atomic<Int>(0)

    /// - Parameter width: how many jobs run at a time; at least 1.
    init(label: String, width: Int) {
        queues = (0..<max(1, width)).map { DispatchQueue(label: "\(label).\($0)") }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        let turn = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        queues[Int(UInt(bitPattern: turn) % UInt(queues.count))].async { [self] in
            withExtendedLifetime(self) { job.runSynchronously(on: executor) }
        }
    }
}
