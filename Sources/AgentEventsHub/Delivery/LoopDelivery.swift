import AgentEvents
import AgentEventsProtocol
import NIOCore
import Synchronization

/// The delivery to the sessions of one event loop. Others reach it from anywhere; what it does with the sessions it does on
/// the loop.
final class LoopDelivery: Sendable {
    let eventLoop: any EventLoop
    /// The loops of a delivery are numbered as they come.
    let number: Int
    private let bound: NIOLoopBoundBox<LoopState>
    private let counts: LoopState.Counts
    private let inbox: Mutex<CommitInbox>
    private let sweepInterval: TimeAmount
    private let pages: ThreadPages
    private let metrics: StreamMetrics
    private let epoch: AccessEpoch
    private let environment: Environment

    init(
        _ eventLoop: any EventLoop,
        number: Int,
        pages: ThreadPages,
        limits: StreamLimits,
        metrics: StreamMetrics,
        epoch: AccessEpoch,
        environment: Environment
    ) {
        self.epoch = epoch
        self.environment = environment
        self.eventLoop = eventLoop
        self.number = number
        self.pages = pages
        self.metrics = metrics
        let counts = LoopState.Counts()
        self.counts = counts
        sweepInterval = .milliseconds(Int64(limits.sweepMilliseconds))
        inbox = Mutex(CommitInbox(maximumByteCount: limits.maximumInboxByteCount))
        bound = NIOLoopBoundBox.makeBoxSendingValue(
            LoopState(
                maximumPages: limits.maximumPages, pages: pages, counts: counts, clock: LoopClock(environment),
                epoch: epoch.value),
            eventLoop: eventLoop)
    }

    /// Whether a session of the loop waits for a commit of what it emitted. Set before the emission, so that the commit of
    /// it finds it set.
    var awaitsCommits: Bool { counts.awaiting.load(ordering: .sequentiallyConsistent) > 0 }

    /// Whether the loop has sessions. Set before a session looks whether the service stops.
    var hasSessions: Bool { counts.sessions.load(ordering: .sequentiallyConsistent) > 0 }

    /// For callers on the loop.
    var state: LoopState { bound.value }

    private func execute(_ body: @escaping @Sendable (LoopState) -> Void) {
        eventLoop.execute { body(self.bound.value) }
    }

    /// A session begins. Called on the loop.
    func begin(_ session: StreamSession) {
        state.add(session) {
            let clock = NIOLoopBoundBox(SweepClock(interval: sweepInterval, start: eventLoop.now), eventLoop: eventLoop)
            return eventLoop.scheduleRepeatedTask(initialDelay: sweepInterval, delay: sweepInterval) { _ in
                self.sweep(elapsed: clock.value.elapsed(at: self.eventLoop.now))
            }
        }
        session.begin()
    }

    /// Looks after the connections of the loop.
    private func sweep(elapsed milliseconds: UInt32) {
        let epoch = epoch.value
        for session in state.sessions { session.sweep(elapsed: milliseconds) }
        state.settled(epoch)
        state.findEarliestEnd()
        pages.expire()
    }

    /// Hands a commit to the loop. One hop takes everything that was posted when the loop comes to it.
    ///
    /// - Parameters:
    ///   - events: of threads that the loop listens to.
    ///   - position: everything accepted up to there is committed.
    ///   - time: when they were committed, on the monotonic clock.
    func post(_ events: [CommittedEvents], upTo position: UInt64, at time: Duration) {
        guard inbox.withLock({ $0.post(events, upTo: position, at: time) }) else { return }
        execute { self.deliver(self.inbox.withLock { $0.take() }, $0) }
    }

    /// Tells the loop of what other writers of the log have committed.
    ///
    /// - Parameter notices: of threads that the loop listens to.
    func post(notices: [CommittedEvents]) {
        guard inbox.withLock({ $0.post(notices: notices) }) else { return }
        execute { self.deliver(self.inbox.withLock { $0.take() }, $0) }
    }

    /// Everything that was committed since the last time: every live subscriber gets the frames, then every connection is
    /// flushed once.
    private func deliver(_ batch: CommitInbox.Batch, _ state: LoopState) {
        state.clock.advance()
        if batch.hasAccessChanged {
            // Before the sessions look: they may see a later one.
            let epoch = epoch.value
            for session in state.sessions { session.accessChanged() }
            state.settled(epoch)
        }
        state.beginDelivery(epoch.value)
        defer { state.endDelivery() }
        state.committedPosition = max(state.committedPosition, batch.position)
        var gathered: [GatheredCommits] = []
        for (committed, position) in batch.elements {
            state.knownThread(committed.thread)?.gather(committed, upTo: position, into: &gathered)
        }
        var written = WrittenSessions()
        var sentCount = 0
        for commits in gathered {
            commits.thread.deliver(commits, isSettled: state.isSettled, written: &written, sentCount: &sentCount)
        }
        // Once for all of it.
        metrics.sent(sentCount)
        for session in state.awaiting { session.didCommit(upTo: state.committedPosition, written: &written) }
        written.finish()
        // One value for all of it: that of the commit that has waited longest.
        if sentCount > 0, let time = batch.time { metrics.delivered(after: environment.monotonicNow() - time) }
    }

    /// The log failed: what waits for a commit gets its answer.
    func logFailed() {
        execute { state in
            for session in state.awaiting { session.logFailed() }
        }
    }

    /// Tells every session that the service is about to stop.
    ///
    /// - Parameter spread: computes the reconnect delay of each session.
    func drain(_ spread: ReconnectSpread) {
        execute { state in
            let sessions = state.sessions
            for (index, session) in sessions.enumerated() {
                session.drain(
                    reconnectMilliseconds: spread.milliseconds(
                        index, of: sessions.count, fraction: self.environment.randomFraction()))
            }
        }
    }

    /// Closes every session.
    ///
    /// - Parameter waitsForAnswers: whether what the clients emitted is answered before.
    func closeSessions(waitsForAnswers: Bool) {
        execute { state in
            for session in state.sessions { session.goAway(waitsForAnswers: waitsForAnswers) }
        }
    }

    /// Closes every session when what its client emitted is answered, a slice of them after the other.
    func closeSessions(over slices: CloseSlices) {
        execute { state in
            let sessions = state.sessions
            for (delay, indices) in slices.slices(of: sessions.count) {
                let slice = NIOLoopBound(sessions[indices], eventLoop: self.eventLoop)
                // Those that are gone by then are not closed again.
                self.eventLoop.scheduleTask(in: .milliseconds(delay)) {
                    for session in slice.value { session.goAway(waitsForAnswers: true) }
                }
            }
        }
    }

    /// Access has changed: each session takes account of it, also one that has nothing to write.
    func accessChanged() {
        guard inbox.withLock({ $0.postAccessChange() }) else { return }
        execute { self.deliver(self.inbox.withLock { $0.take() }, $0) }
    }

    /// Tells those who asked for it that the members of a thread have changed, after what that means for their own rights.
    func membersChanged(in thread: ThreadID) {
        execute { state in
            for session in state.sessions { session.membersChanged(in: thread) }
        }
    }

    /// Sessions have other rates.
    func ratesChanged() {
        execute { state in
            state.clock.advance()
            for session in state.sessions { session.ratesChanged() }
        }
    }

    /// Ends the subscriptions to a thread that was deleted.
    func endSubscriptions(to thread: ThreadID) async throws {
        try await eventLoop.submit {
            for session in self.state.sessions { session.threadDeleted(thread) }
        }.get()
    }

    /// Closes the sessions of a user.
    ///
    /// - Returns: how many there were.
    func closeSessions(of user: UserID, _ code: StreamCloseCode, reason: String) async throws -> Int {
        try await eventLoop.submit {
            let sessions = self.state.sessions.filter { $0.identity.principal.user == user }
            for session in sessions { session.close(code, reason: reason) }
            return sessions.count
        }.get()
    }

    /// The subscribers of a thread on this loop.
    ///
    /// - Parameter framingCount: how many framings there are.
    func subscribers(of thread: ThreadID, framingCount: Int) async throws -> [Subscriber] {
        try await eventLoop.submit {
            (0..<framingCount).flatMap { framing in
                self.state.knownThread(ThreadFeed(thread: thread, framing: framing))?.subscribers ?? []
            }
        }.get()
    }
}

/// Tells how long ago the connections of an event loop were looked after last.
struct SweepClock: Equatable {
    private let interval: TimeAmount
    private var last: NIODeadline

    /// - Parameter interval: how often they are looked after.
    init(interval: TimeAmount, start: NIODeadline) {
        self.interval = interval
        last = start
    }

    /// - Returns: milliseconds since the last call, at most two intervals: when this process was stopped for a while, its
    ///   clients are not to blame for the silence.
    mutating func elapsed(at now: NIODeadline) -> UInt32 {
        let elapsed = min(now - last, interval * 2)
        last = now
        return UInt32(clamping: elapsed.nanoseconds / 1_000_000)
    }
}
