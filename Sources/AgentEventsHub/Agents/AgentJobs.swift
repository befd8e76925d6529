import AgentEvents
import Synchronization

/// The hand-over of jobs to the task that has them worked on.
///
/// It is bounded: with as many jobs as there are slots in it, the ``AgentDispatcher`` lets no further run start, and takes none
/// up. What was admitted before may still come, once for each slot. So there are at most twice as many, and one more that is
/// taken up.
final class AgentJobs: Sendable {
    enum Job: Sendable {
        case work(AgentJob)
        case attempt(RunQueueStateMachine.Entry)
        case takeUp(ParkedRun, by: WorkerAgent)
    }

    private let roomCount: Int
    private let jobs = Mutex(Deque<Job>())
    private let arrivals = WakeSignal()

    /// - Parameter roomCount: with so many jobs there is no room for further ones.
    init(roomCount: Int) { self.roomCount = roomCount }

    /// Whether a further run may start.
    var hasRoom: Bool { jobs.withLock { $0.count < roomCount } }

    func put(_ job: Job) {
        jobs.withLock { $0.append(job) }
        arrivals.signal()
    }

    /// No further job comes.
    func finish() { arrivals.finish() }

    /// Hands the jobs over, until the last one, or until the task is cancelled.
    func forEach(_ take: (Job) -> Void) async {
        var isOver = false
        while true {
            while let job = jobs.withLock({ $0.popFirst() }) { take(job) }
            if isOver { return }
            // What came before the end is handed over, too.
            isOver = !(await arrivals.wait())
        }
    }
}
