import AgentEvents
import AgentEventsProtocol
import NIOCore
import Synchronization

/// Carries commits from the log's writer to the event loops: frames each event once for each framing, and hops once per loop
/// for all that is committed meanwhile.
///
/// A loop is taken on when its first session comes. Loops are told of the threads they have subscriptions for, and of
/// nothing else.
final class StreamDelivery: CommitObserver {
    /// The sessions of one framing.
    private struct Interest {
        let framing: StreamFraming
        /// For each thread with a subscription the loops that have one.
        var loops: [ThreadID: LoopSet] = [:]
    }

    private struct State {
        /// In the order of their numbers.
        var loops: [LoopDelivery] = []
        /// In the order of their numbers; mostly one.
        var interests: [Interest] = []
        /// Everything accepted up to there is committed and was looked at.
        var position: UInt64 = 0
    }

    private struct Life {
        var spread: ReconnectSpread?
        var isClosing = false
        var failure: EventLogError?
    }

    let sessions = OpenSessions()
    private let state = Mutex(State())
    private let life = Mutex(Life())
    /// Everything up to there is committed, and on its way to the loops that it concerns.
    private let committedPosition = Atomic<UInt64>(0)
    private let pages: ThreadPages
    private let limits: StreamLimits
    private let metrics: StreamMetrics
    private let epoch: AccessEpoch
    private let environment: Environment
    /// Is told of each thread that somebody begins to follow.
    private let orphans: OrphanedRuns?

    /// - Parameter limits: what may wait for each event loop, and how many pages are read for its sessions at a time.
    init(
        pages: ThreadPages,
        limits: StreamLimits,
        metrics: StreamMetrics,
        epoch: AccessEpoch,
        environment: Environment,
        orphans: OrphanedRuns? = nil
    ) {
        self.epoch = epoch
        self.environment = environment
        self.orphans = orphans
        self.pages = pages
        self.limits = limits
        self.metrics = metrics
    }

    /// The delivery on an event loop; one that has not been seen before is taken on.
    func loop(of eventLoop: any EventLoop) -> LoopDelivery {
        state.withLock { state in
            if let known = state.loops.first(where: { $0.eventLoop === eventLoop }) { return known }
            let new = LoopDelivery(
                eventLoop, number: state.loops.count, pages: pages, limits: limits, metrics: metrics,
                epoch: epoch, environment: environment)
            state.loops.append(new)
            return new
        }
    }

    private var loops: [LoopDelivery] { state.withLock { $0.loops } }

    /// The number of a framing; one that has not been seen before gets the next.
    func number(of framing: StreamFraming) -> Int {
        state.withLock { state in
            if let known = state.interests.firstIndex(where: { $0.framing == framing }) { return known }
            state.interests.append(Interest(framing: framing))
            return state.interests.count - 1
        }
    }

    /// From the next commit on, the loop gets the thread's events. Called on the loop, before anything is read for it.
    ///
    /// - Returns: up to where commits were looked at before. One of them may still be on its way to the loop, because the
    ///   loop had listened before; later ones are not.
    func listen(to feed: ThreadFeed, on loop: LoopDelivery) -> UInt64 {
        defer { orphans?.followed(feed.thread) }
        return state.withLock { state in
            state.interests[feed.framing].loops[feed.thread, default: LoopSet()].insert(loop.number)
            return state.position
        }
    }

    func stopListening(to feed: ThreadFeed, on loop: LoopDelivery) {
        state.withLock { state in
            guard var loops = state.interests[feed.framing].loops[feed.thread] else { return }
            loops.remove(loop.number)
            state.interests[feed.framing].loops[feed.thread] = loops.isEmpty ? nil : loops
        }
    }

    /// Says if somebody follows a thread.
    func isFollowed(_ thread: ThreadID) -> Bool {
        state.withLock { $0.interests.contains { $0.loops[thread] != nil } }
    }

    /// The subscribers of a thread, on all loops.
    func subscribers(of thread: ThreadID) async throws -> [Subscriber] {
        let (loops, framingCount) = state.withLock { ($0.loops, $0.interests.count) }
        var subscribers: [Subscriber] = []
        for loop in loops where loop.hasSessions {
            subscribers += try await loop.subscribers(of: thread, framingCount: framingCount)
        }
        return subscribers
    }

    /// Access has changed, and the epoch has risen.
    func accessChanged() {
        for loop in loops where loop.hasSessions { loop.accessChanged() }
    }

    /// The members of a thread have changed, and so have rights: ``accessChanged()`` came before.
    func membersChanged(in thread: ThreadID) {
        for loop in loops where loop.hasSessions { loop.membersChanged(in: thread) }
    }

    /// Ends the subscriptions to a thread that was deleted: nothing of it is written when this returns.
    func endSubscriptions(to thread: ThreadID) async throws {
        for loop in loops where loop.hasSessions { try await loop.endSubscriptions(to: thread) }
    }

    /// Closes the sessions of a user.
    ///
    /// - Returns: how many there were.
    func closeSessions(of user: UserID, _ code: StreamCloseCode, reason: String) async throws -> Int {
        var count = 0
        for loop in loops where loop.hasSessions {
            count += try await loop.closeSessions(of: user, code, reason: reason)
        }
        return count
    }

    /// Connections have other rates. All loops are told: one that has no session yet may be about to have the first.
    func ratesChanged() { for loop in loops { loop.ratesChanged() } }

    // MARK: The end

    /// Tells every session that the service is about to stop, and when its client may come back.
    ///
    /// - Parameter maximumMilliseconds: the longest that a client is asked to wait.
    func drain(maximumMilliseconds: Int64) {
        let loops = loops.filter(\.hasSessions)
        let spread = ReconnectSpread(maximumMilliseconds: maximumMilliseconds, loopCount: max(loops.count, 1))
        life.withLock { $0.spread = spread }
        // A session that comes in between finds the spread, or its loop has it here.
        for loop in self.loops where loop.hasSessions { loop.drain(spread) }
    }

    /// Closes every session because the service goes away, and those that come late.
    ///
    /// - Parameter waitsForAnswers: whether what the clients emitted is answered before.
    func closeSessions(waitsForAnswers: Bool) {
        life.withLock { $0.isClosing = true }
        for loop in loops where loop.hasSessions { loop.closeSessions(waitsForAnswers: waitsForAnswers) }
    }

    /// The same within a time, a slice after the other, when what the clients emitted is answered: they do not come back to another
    /// machine all at once. Those that come late are closed at once.
    func closeSessions(over window: Duration) {
        guard window > .zero else { return closeSessions(waitsForAnswers: true) }
        life.withLock { $0.isClosing = true }
        let slices = CloseSlices(windowMilliseconds: window.milliseconds)
        for loop in loops where loop.hasSessions { loop.closeSessions(over: slices) }
    }

    /// Set when the service is about to stop.
    var spread: ReconnectSpread? { life.withLock { $0.spread } }

    /// Whether the service stops.
    var isClosing: Bool { life.withLock { $0.isClosing } }

    /// The failure of the log; `nil` while events are committed.
    var failure: EventLogError? { life.withLock { $0.failure } }

    // MARK: Commits

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        let selection = select(commit, upTo: position)
        let parts = framed(commit, selection)
        let time = environment.monotonicNow()
        var told = LoopSet()
        for loop in selection.loops {
            let events = parts.compactMap { $0.loops.contains(loop.number) ? $0.events : nil }
            guard !events.isEmpty || loop.awaitsCommits else { continue }
            told.insert(loop.number)
            loop.post(events, upTo: position, at: time)
        }
        committedPosition.store(position, ordering: .sequentiallyConsistent)
        // A loop that began to wait in between either finds the position or is found here, also when the loop is new.
        for loop in loops where !told.contains(loop.number) && loop.awaitsCommits {
            loop.post([], upTo: position, at: time)
        }
    }

    func didAdvance(_ threads: [AdvancedThread]) {
        let (loops, interests) = state.withLock { ($0.loops, $0.interests) }
        for loop in loops {
            let notices = interests.enumerated().flatMap { framing, interest in
                threads.filter { interest.loops[$0.thread]?.contains(loop.number) == true }
                    .map { CommittedEvents(noticeOf: $0, framing: framing) }
            }
            if !notices.isEmpty { loop.post(notices: notices) }
        }
    }

    /// Everything up to there is committed. What of it concerns a loop may still be on its way there.
    var currentPosition: UInt64 { committedPosition.load(ordering: .sequentiallyConsistent) }

    /// Tells a loop up to where everything is committed, after what is on its way to it. Called on the loop.
    func catchUp(_ loop: LoopDelivery) {
        let position = currentPosition
        guard position > loop.state.committedPosition else { return }
        loop.post([], upTo: position, at: .zero)
    }

    func didFail(_ error: EventLogError) {
        life.withLock { $0.failure = error }
        for loop in loops where loop.awaitsCommits { loop.logFailed() }
    }

    private struct Part {
        var loops: LoopSet
        var events: CommittedEvents
    }

    /// The part of a commit that at least one loop subscribes to.
    private struct Selection {
        var loops: [LoopDelivery] = []
        /// One for each framing with subscribers of one of the threads.
        var choices: [Choice] = []

        struct Choice {
            let framing: StreamFraming
            let number: Int
            var parts: [(loops: LoopSet, owner: ThreadOwner)] = []
            /// For each entry the part that it belongs to; `nil` for none.
            var places: [Int?] = []
        }
    }

    /// Looks up who follows what, and nothing else: event loops wait for the lock.
    private func select(_ commit: LogCommit, upTo position: UInt64) -> Selection {
        state.withLock { state in
            state.position = position
            var selection = Selection(loops: state.loops)
            for (number, interest) in state.interests.enumerated() where !interest.loops.isEmpty {
                var choice = Selection.Choice(framing: interest.framing, number: number)
                Self.select(commit, interest, &choice)
                if !choice.parts.isEmpty { selection.choices.append(choice) }
            }
            return selection
        }
    }

    private static func select(_ commit: LogCommit, _ interest: Interest, _ choice: inout Selection.Choice) {
        choice.places.reserveCapacity(commit.entries.count)
        var indices: [ThreadID: Int] = [:]
        var previous: ThreadOwner?
        var place: Int?
        for entry in commit.entries {
            if entry.owner !== previous {
                previous = entry.owner
                let thread = entry.owner.thread
                place = indices[thread]
                if place == nil, let loops = interest.loops[thread] {
                    place = choice.parts.count
                    indices[thread] = place
                    choice.parts.append((loops, entry.owner))
                }
            }
            choice.places.append(place)
        }
    }

    private func framed(_ commit: LogCommit, _ selection: Selection) -> [Part] {
        var parts: [Part] = []
        for choice in selection.choices {
            var framers: [FramedEvents.Framer?] = Array(repeating: nil, count: choice.parts.count)
            for (entry, place) in zip(commit.entries, choice.places) {
                guard let place else { continue }
                if framers[place] == nil {
                    framers[place] = FramedEvents.Framer(
                        choice.framing, frameCount: 1, payloadByteCount: entry.bytes.count)
                }
                framers[place]?.append(entry.id, entry.bytes)
            }
            for (part, framer) in zip(choice.parts, framers) {
                guard let framer else { continue }
                let events = FramedEvents(framer, thread: part.owner.thread)
                parts.append(
                    Part(
                        loops: part.loops,
                        events: CommittedEvents(events, framing: choice.number, owner: part.owner.user)))
            }
        }
        return parts
    }
}

/// Counts the sessions of all event loops, for those who wait for the last one.
final class OpenSessions: Sendable {
    private let state = Mutex((count: 0, isAwaited: false))
    private let gate = Gate()

    var count: Int { state.withLock { $0.count } }

    func didBegin() { state.withLock { $0.count += 1 } }

    func didEnd() {
        let isAwaitedLast = state.withLock { state in
            state.count -= 1
            return state.isAwaited && state.count == 0
        }
        if isAwaitedLast { gate.open() }
    }

    /// Returns when no session is open, or the task is cancelled. Called once, when no further ones stay.
    func waitForTheLast() async {
        let isOpen = state.withLock { state in
            state.isAwaited = true
            return state.count > 0
        }
        if isOpen { await gate.wait() }
    }
}
