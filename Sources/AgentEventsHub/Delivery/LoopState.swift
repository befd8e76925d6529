import AgentEvents
import NIOCore
import Synchronization

/// The sessions of an event loop and the threads that they follow. Confined to the loop. It calls nobody: ``LoopDelivery``
/// looks into it to find the sessions, and the sessions note here what concerns them.
final class LoopState {
    /// The numbers of sessions that are read from elsewhere.
    final class Counts: Sendable {
        let sessions = Atomic<Int>(0)
        let awaiting = Atomic<Int>(0)
    }

    /// Only this number of connections reads a page at a time.
    var turns: ReplayTurnsStateMachine<StreamSession>
    /// In no particular order, but in the same one whenever the same happened.
    private(set) var sessions: [StreamSession] = []
    /// Those that are told of every commit.
    private(set) var awaiting: [StreamSession] = []
    private var threads: [ThreadFeed: LoopThread] = [:]
    /// Everything accepted up to there is committed, as far as this loop was told.
    var committedPosition: UInt64 = 0
    let clock: LoopClock
    /// Every session of the loop has taken account of the changes of access up to this epoch.
    private var settledEpoch: UInt64
    /// No credentials of a session end before, in milliseconds on the monotonic clock.
    private var earliestEnd: Int64 = .max
    /// Whether no session has to be asked by itself: the epoch is one that all of them have taken account of, and no
    /// credentials have ended. Looked at once for all that is delivered together, and `false` in between.
    private(set) var isSettled = false
    private let counts: Counts
    private let pages: ThreadPages
    private var sweeps: RepeatedTask?

    /// - Parameter epoch: the epoch of access.
    init(maximumPages: Int, pages: ThreadPages, counts: Counts, clock: LoopClock, epoch: UInt64) {
        settledEpoch = epoch
        turns = ReplayTurnsStateMachine(maximumCount: maximumPages)
        self.clock = clock
        self.pages = pages
        self.counts = counts
    }

    // MARK: Sessions

    /// - Parameter sweeps: begins to look after the sessions; called when there were none.
    func add(_ session: StreamSession, sweeps: () -> RepeatedTask) {
        session.place = sessions.count
        sessions.append(session)
        counts.sessions.add(1, ordering: .sequentiallyConsistent)
        if self.sweeps == nil { self.sweeps = sweeps() }
    }

    func remove(_ session: StreamSession) {
        guard let place = session.place else { return }
        session.place = nil
        let last = sessions.removeLast()
        if last !== session {
            sessions[place] = last
            last.place = place
        }
        counts.sessions.subtract(1, ordering: .sequentiallyConsistent)
        endAwaitingCommits(session)
        if sessions.isEmpty {
            sweeps?.cancel()
            sweeps = nil
            // Nobody here looks after them any longer.
            pages.removeAll()
        }
    }

    /// The session is about to emit: it is told of every commit from now on.
    func beginAwaitingCommits(_ session: StreamSession) {
        guard session.awaitingPlace == nil else { return }
        session.awaitingPlace = awaiting.count
        awaiting.append(session)
        counts.awaiting.add(1, ordering: .sequentiallyConsistent)
    }

    func endAwaitingCommits(_ session: StreamSession) {
        guard let place = session.awaitingPlace else { return }
        session.awaitingPlace = nil
        let last = awaiting.removeLast()
        if last !== session {
            awaiting[place] = last
            last.awaitingPlace = place
        }
        counts.awaiting.subtract(1, ordering: .sequentiallyConsistent)
    }

    // MARK: Access

    /// Every session has taken account of an epoch.
    func settled(_ epoch: UInt64) { settledEpoch = epoch }

    /// The credentials of a session end at a time of the monotonic clock, in milliseconds.
    func noteEnd(_ end: Int64) { earliestEnd = min(earliestEnd, end) }

    /// Looks for the earliest end again: sessions have left, or have new credentials.
    func findEarliestEnd() {
        earliestEnd = sessions.reduce(.max) { min($0, $1.identity.validity.end) }
    }

    /// A delivery begins.
    ///
    /// - Parameter epoch: the epoch of access.
    func beginDelivery(_ epoch: UInt64) {
        isSettled = epoch == settledEpoch && clock.milliseconds < earliestEnd
    }

    func endDelivery() { isSettled = false }

    // MARK: Threads

    /// The loop's part of a thread; made when it is asked for first, and the caller then listens to the thread.
    func thread(_ feed: ThreadFeed) -> (thread: LoopThread, isNew: Bool) {
        if let known = threads[feed] { return (known, false) }
        let new = LoopThread()
        threads[feed] = new
        return (new, true)
    }

    /// - Returns: `nil` when nobody follows the thread on this loop.
    func knownThread(_ feed: ThreadFeed) -> LoopThread? { threads[feed] }

    /// - Returns: whether the thread has no subscription left on this loop.
    func remove(_ subscription: StreamSubscription) -> Bool {
        guard let thread = threads[subscription.feed] else { return false }
        thread.remove(subscription)
        guard thread.isEmpty else { return false }
        threads[subscription.feed] = nil
        return true
    }
}
