import AgentEvents
import AgentEventsHub

/// Mirrors `LoopDelivery`: what lives on one event loop, and what was handed to it.
final class SimulatedLoop {
    enum Job {
        /// What waits in the inbox.
        case deliver
        case lookedUp(SimulatedSession, SimulatedSubscription, StartLookUp.Found, request: Int64)
        case pageRead(SimulatedSession, SimulatedSubscription, PageLookUp.Page)
        case emitted(SimulatedSession, SimulatedEmissions.Emission, SimulatedService.EmitOutcome)
    }

    let number: Int
    /// The loop's part of each thread that somebody follows on it.
    private var threads: [SimulatedLoopThread?]
    private(set) var sessions: [SimulatedSession] = []
    private var jobs = Deque<Job>()
    private var inbox: CommitInbox<SimulatedCommit>
    private var replays = ReplayTurnsStateMachine<SimulatedSession>(maximumCount: 2)
    /// Everything accepted up to there is committed, as far as this loop was told.
    private(set) var committedPosition: UInt64 = 0
    /// How many sessions have emitted, and are told of every commit.
    var awaitingCount = 0

    init(number: Int, threadCount: Int, limits: SimulatedLimits) {
        self.number = number
        inbox = CommitInbox(maximumByteCount: limits.maximumInboxByteCount)
        threads = Array(repeating: nil, count: threadCount)
    }

    var hasJobs: Bool { !jobs.isEmpty }

    func execute(_ job: Job) { jobs.append(job) }

    /// Hands a commit to the loop.
    func post(_ commits: [SimulatedCommit], upTo position: UInt64) {
        if inbox.post(commits, upTo: position) { execute(.deliver) }
    }

    func takeJob() -> Job? { jobs.popFirst() }

    // MARK: Sessions and threads

    func add(_ session: SimulatedSession) { sessions.append(session) }

    func remove(_ session: SimulatedSession) {
        guard let index = sessions.firstIndex(where: { $0 === session }) else { return }
        sessions.swapAt(index, sessions.count - 1)
        sessions.removeLast()
    }

    /// Whether commits of the thread are of interest here. Looked at when they are published.
    func listens(to thread: Int) -> Bool { threads[thread] != nil }

    /// The loop's part of a thread; when it is new, the loop listens from now on.
    func thread(_ thread: Int, publishedPosition: UInt64) -> SimulatedLoopThread {
        if let known = threads[thread] { return known }
        let new = SimulatedLoopThread(listensBehind: publishedPosition)
        threads[thread] = new
        return new
    }

    func remove(_ subscription: SimulatedSubscription) {
        guard let thread = threads[subscription.thread] else { return }
        thread.remove(subscription)
        if thread.isEmpty { threads[subscription.thread] = nil }
    }

    /// - Returns: whether the session may read a page at once; it is told later otherwise.
    func requestTurn(_ session: SimulatedSession) -> Bool { replays.request(session) }

    /// The page that a session read has come.
    func endTurn() {
        while let session = replays.finish() {
            if session.turnCame() { return }
        }
    }

    /// What was committed since the last time: every live subscriber gets it, then every connection is flushed once.
    func deliver() {
        let batch = inbox.take()
        committedPosition = max(committedPosition, batch.position)
        var gathered: [SimulatedLoopThread] = []
        for (commit, position) in batch.elements {
            guard let thread = threads[commit.thread], thread.gather(commit, upTo: position) else { continue }
            gathered.append(thread)
        }
        var written: [SimulatedSession] = []
        for thread in gathered { thread.deliver(written: &written) }
        if awaitingCount > 0 {
            for session in sessions where session.isAwaiting { session.didCommit() }
        }
        for session in written { session.flushWritten() }
    }
}
