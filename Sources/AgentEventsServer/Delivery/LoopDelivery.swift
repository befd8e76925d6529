import AgentEvents
import NIOCore
import Synchronization

/// The part of the delivery that lives on one event loop: which of its sessions follow which threads. Confined to the
/// loop; others reach it through its ``Handle``.
final class LoopDelivery {
    /// Reaches the part from anywhere.
    final class Handle: Sendable {
        let eventLoop: any EventLoop
        private let bound: NIOLoopBoundBox<LoopDelivery>
        fileprivate let awaitingSessions = Atomic<Int>(0)
        private let inbox: Mutex<CommitInbox<CommittedEvents>>

        init(
            eventLoop: any EventLoop,
            pages: ThreadPages,
            limits: StreamLimits,
            metrics: StreamMetrics,
            environment: Environment
        ) {
            self.eventLoop = eventLoop
            inbox = Mutex(CommitInbox(maximumByteCount: limits.maximumInboxByteCount))
            bound = NIOLoopBoundBox.makeBoxSendingValue(
                LoopDelivery(
                    pages: pages, maximumPages: limits.maximumPages, metrics: metrics, environment: environment),
                eventLoop: eventLoop)
        }

        /// Whether a session of the loop waits for a commit of what it emitted. Set before the emission, so that the
        /// commit of it finds it set.
        var awaitsCommits: Bool { awaitingSessions.load(ordering: .sequentiallyConsistent) > 0 }

        func execute(_ body: @escaping @Sendable (LoopDelivery) -> Void) {
            eventLoop.execute { body(self.bound.value) }
        }

        /// Hands a commit to the loop. One hop takes everything that was posted when the loop comes to it.
        ///
        /// - Parameters:
        ///   - events: of threads that the loop listens to.
        ///   - position: everything accepted up to there is committed.
        func post(_ events: [CommittedEvents], upTo position: UInt64) {
            guard inbox.withLock({ $0.post(events, upTo: position) }) else { return }
            execute { loop in loop.deliver(self.inbox.withLock { $0.take() }) }
        }

        /// For callers on the loop.
        var onLoop: LoopDelivery { bound.value }
    }

    private let metrics: StreamMetrics
    private let pages: ThreadPages
    private let environment: Environment
    private var replays: ReplayTurnsStateMachine<StreamSession>
    private var threads: [ThreadID: LoopThread] = [:]
    private var sessions = SessionSet()
    private var awaiting = SessionSet()
    private var sweeps: RepeatedTask?
    private var sweepClock: SweepClock?
    /// Set when the service is about to stop.
    private(set) var spread: ReconnectSpread?
    /// Whether the service stops.
    private(set) var isClosing = false
    /// Everything accepted up to there is committed, as far as this loop was told.
    private(set) var committedPosition: UInt64 = 0
    /// Why nothing is committed any more.
    private(set) var failure: EventLogError?

    private init(pages: ThreadPages, maximumPages: Int, metrics: StreamMetrics, environment: Environment) {
        self.metrics = metrics
        self.pages = pages
        self.environment = environment
        replays = ReplayTurnsStateMachine(maximumCount: maximumPages)
    }

    // MARK: Sessions

    /// - Parameter interval: how often the sessions of the loop are looked after, in milliseconds.
    func add(_ session: StreamSession, on handle: Handle, every interval: UInt32) {
        sessions.insert(session)
        guard sweeps == nil else { return }
        let interval = TimeAmount.milliseconds(Int64(interval))
        sweepClock = SweepClock(interval: interval, start: handle.eventLoop.now)
        sweeps = handle.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            handle.onLoop.sweep(at: handle.eventLoop.now)
        }
    }

    private func sweep(at now: NIODeadline) {
        guard let elapsed = sweepClock?.elapsed(at: now) else { return }
        for session in sessions.all { session.sweep(elapsed: elapsed) }
        pages.expire()
    }

    func remove(_ session: StreamSession, on handle: Handle) {
        sessions.remove(session)
        stopAwaiting(session, on: handle)
        if sessions.all.isEmpty {
            sweeps?.cancel()
            sweeps = nil
            // Nobody here looks after them any more.
            pages.removeAll()
        }
    }

    /// Tells every session that the service is about to stop.
    ///
    /// - Parameter spread: makes out, for each of so many sessions, when its client may come back.
    func drain(_ spread: ReconnectSpread) {
        self.spread = spread
        for (index, session) in sessions.all.enumerated() {
            session.drain(
                reconnectMilliseconds: spread.milliseconds(
                    index, of: sessions.all.count, fraction: environment.randomFraction()))
        }
    }

    /// Closes every session, and those that come late.
    ///
    /// - Parameter waitsForAnswers: whether what the clients emitted is answered before.
    func closeSessions(waitsForAnswers: Bool) {
        isClosing = true
        for session in sessions.all { session.goAway(waitsForAnswers: waitsForAnswers) }
    }

    /// The session has emitted, or is about to: it is told of every commit.
    func await(_ session: StreamSession, on handle: Handle) {
        guard awaiting.insert(session) else { return }
        handle.awaitingSessions.add(1, ordering: .sequentiallyConsistent)
    }

    func stopAwaiting(_ session: StreamSession, on handle: Handle) {
        guard awaiting.remove(session) else { return }
        handle.awaitingSessions.subtract(1, ordering: .sequentiallyConsistent)
    }

    // MARK: Threads

    /// The loop's part of a thread; made when it is asked for first, and the caller then listens to the thread.
    func thread(_ thread: ThreadID) -> (thread: LoopThread, isNew: Bool) {
        if let known = threads[thread] { return (known, false) }
        let new = LoopThread()
        threads[thread] = new
        return (new, true)
    }

    /// - Returns: whether the thread has no subscription left on this loop.
    func remove(_ subscription: StreamSubscription) -> Bool {
        guard let thread = threads[subscription.thread] else { return false }
        thread.remove(subscription)
        guard thread.isEmpty else { return false }
        threads[subscription.thread] = nil
        return true
    }

    /// Those who follow a thread on this loop.
    func subscribers(of thread: ThreadID) -> [Subscriber] { threads[thread]?.subscribers ?? [] }

    // MARK: Replays

    /// A session wants to read a page. It asks again only after its turn.
    ///
    /// - Returns: whether it may at once; it is told later otherwise.
    func requestTurn(_ session: StreamSession) -> Bool { replays.request(session) }

    /// The page that a session read has come.
    func endTurn() {
        while let session = replays.finish() {
            if session.turnCame() { return }
        }
    }

    // MARK: Commits

    /// What was committed since the last time: every live subscriber gets the frames, then every connection is flushed
    /// once.
    private func deliver(_ batch: CommitInbox<CommittedEvents>.Batch) {
        committedPosition = max(committedPosition, batch.position)
        var gathered: [LoopThread] = []
        for (committed, position) in batch.elements {
            guard let thread = threads[committed.thread], thread.gather(committed, upTo: position) else { continue }
            gathered.append(thread)
        }
        var written: [StreamSession] = []
        var sentCount = 0
        for thread in gathered { thread.deliver(written: &written, sentCount: &sentCount) }
        // Once for all of it.
        metrics.sent(sentCount)
        for session in awaiting.all { session.didCommit(upTo: committedPosition, written: &written) }
        for session in written { session.flushWritten() }
    }

    func logFailed(_ error: EventLogError) {
        failure = error
        for session in awaiting.all { session.logFailed(error) }
    }
}

/// Sessions in an order that follows from the calls alone, and not from where the sessions lie in memory: that in which
/// they were inserted, but the last one takes the place of one that is removed.
private struct SessionSet {
    private(set) var all: [StreamSession] = []
    private var places: [ObjectIdentifier: Int] = [:]

    /// - Returns: whether the session was not among them.
    @discardableResult
    mutating func insert(_ session: StreamSession) -> Bool {
        guard places[ObjectIdentifier(session)] == nil else { return false }
        places[ObjectIdentifier(session)] = all.count
        all.append(session)
        return true
    }

    /// - Returns: whether the session was among them.
    @discardableResult
    mutating func remove(_ session: StreamSession) -> Bool {
        guard let place = places.removeValue(forKey: ObjectIdentifier(session)) else { return false }
        let last = all.removeLast()
        if last !== session {
            all[place] = last
            places[ObjectIdentifier(last)] = place
        }
        return true
    }
}
