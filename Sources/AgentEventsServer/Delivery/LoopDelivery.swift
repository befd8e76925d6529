import AgentEvents
import NIOCore
import Synchronization

/// The part of the delivery that lives on one event loop: which of its sessions follow which threads. Confined to the
/// loop; others reach it through its ``Handle``.
final class LoopDelivery {
    struct Settings: Sendable {
        /// How often a silent connection gets a ping, in milliseconds.
        var heartbeatMilliseconds: Int64
    }

    /// Reaches the part from anywhere.
    final class Handle: Sendable {
        let eventLoop: any EventLoop
        private let bound: NIOLoopBoundBox<LoopDelivery>
        fileprivate let awaitingSessions = Atomic<Int>(0)

        init(eventLoop: any EventLoop, settings: Settings) {
            self.eventLoop = eventLoop
            bound = NIOLoopBoundBox.makeBoxSendingValue(LoopDelivery(settings: settings), eventLoop: eventLoop)
        }

        /// Whether a session of the loop waits for a commit of what it emitted. Set before the emission, so that the
        /// commit of it finds it set.
        var awaitsCommits: Bool { awaitingSessions.load(ordering: .sequentiallyConsistent) > 0 }

        func execute(_ body: @escaping @Sendable (LoopDelivery) -> Void) {
            eventLoop.execute { body(self.bound.value) }
        }

        /// For callers on the loop.
        var onLoop: LoopDelivery { bound.value }
    }

    private let settings: Settings
    private var threads: [ThreadID: LoopThread] = [:]
    private var sessions: [ObjectIdentifier: StreamSession] = [:]
    private var awaiting: [ObjectIdentifier: StreamSession] = [:]
    private var heartbeat: RepeatedTask?
    /// Everything accepted up to there is committed, as far as this loop was told.
    private(set) var committedPosition: UInt64 = 0

    private init(settings: Settings) { self.settings = settings }

    // MARK: Sessions

    func add(_ session: StreamSession, on handle: Handle) {
        sessions[ObjectIdentifier(session)] = session
        guard heartbeat == nil else { return }
        let interval = TimeAmount.milliseconds(settings.heartbeatMilliseconds)
        heartbeat = handle.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            for session in handle.onLoop.sessions.values { session.heartbeat() }
        }
    }

    func remove(_ session: StreamSession, on handle: Handle) {
        sessions[ObjectIdentifier(session)] = nil
        stopAwaiting(session, on: handle)
        if sessions.isEmpty {
            heartbeat?.cancel()
            heartbeat = nil
        }
    }

    func closeSessions() {
        for session in sessions.values { session.goAway() }
    }

    /// The session has emitted, or is about to: it is told of every commit.
    func await(_ session: StreamSession, on handle: Handle) {
        guard awaiting.updateValue(session, forKey: ObjectIdentifier(session)) == nil else { return }
        handle.awaitingSessions.add(1, ordering: .sequentiallyConsistent)
    }

    func stopAwaiting(_ session: StreamSession, on handle: Handle) {
        guard awaiting.removeValue(forKey: ObjectIdentifier(session)) != nil else { return }
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

    // MARK: Commits

    /// One commit: every live subscriber of its threads gets the frames, then every connection is flushed once.
    func deliver(_ events: [CommittedEvents], upTo position: UInt64) {
        committedPosition = max(committedPosition, position)
        var written: [StreamSession] = []
        for committed in events { threads[committed.events.thread]?.deliver(committed, written: &written) }
        for session in awaiting.values { session.didCommit(upTo: committedPosition, written: &written) }
        for session in written { session.flushWritten() }
    }

    func logFailed(_ error: EventLogError) {
        for session in awaiting.values { session.logFailed(error) }
    }
}
