package import AgentEvents

/// Decides when a request of a connection is carried out.
///
/// Requests about one thread are carried out in the order in which they came, each as if the ones before it were done:
///
///     begins, if under way is …            a look-up of the thread     emissions into it that are not answered
///     subscribe, unsubscribe               no                          no
///     ack                                  no                          yes
///     emit (and what else adds events)     no                          yes, in their order
///
/// So a subscription has its place when a later request is looked at, whichever: what was emitted before it lies before
/// the place, and what is emitted after it is delivered; and every request gets an answer of its own. Requests about
/// different threads do not wait for each other, but for one thing: of the look-ups that take a snapshot, one is under
/// way at a time, and only while the client takes what it is sent.
///
/// How many threads the connection may follow is decided in the order of arrival as well, whatever waits.
///
///     received ── nothing under way forbids it ──> under way ── answered, lookedUp, refused ──> done
///        └─────── something does ──> waits ── next ──> under way
package struct RequestOrderStateMachine<Request> {
    /// The effect of a request on its thread.
    package enum Kind: Hashable, Sendable, CaseIterable {
        /// Looks a place in the thread up, and follows it from there.
        case subscribe
        /// As `subscribe`, and may get the thread's state.
        case subscribeWithSnapshot
        /// Done at once.
        case unsubscribe
        /// Done at once.
        case acknowledge
        /// Adds events to the thread, and is answered when they are committed.
        case emit

        fileprivate var subscribes: Bool {
            switch self {
            case .subscribe, .subscribeWithSnapshot: true
            case .unsubscribe, .acknowledge, .emit: false
            }
        }
    }

    /// A request to carry out.
    package struct Start {
        package let kind: Kind
        package let thread: ThreadID
        package let request: Request
        /// Whether it is a subscription to one thread too many, which has to be refused.
        package let exceedsLimit: Bool
    }

    private struct Waiting {
        let kind: Kind
        let request: Request
        let byteCount: Int
        let exceedsLimit: Bool
    }

    /// The requests of one thread that are under way, and those that wait.
    private struct Lane {
        var isLookingUp = false
        /// Begun and not answered.
        var emissionCount = 0
        var waiting = Deque<Waiting>()
        /// Whether the lane is in a line of those whose first request may begin.
        var isReady = false

        func allows(_ kind: Kind) -> Bool {
            switch kind {
            case .subscribe, .subscribeWithSnapshot, .unsubscribe: !isLookingUp && emissionCount == 0
            case .acknowledge, .emit: !isLookingUp
            }
        }

        var isIdle: Bool { !isLookingUp && emissionCount == 0 && waiting.isEmpty }
    }

    private let maximumFollowedCount: Int
    /// Those that are not idle.
    private var lanes: [ThreadID: Lane] = [:]
    /// The threads that the connection follows once everything is carried out that has come.
    private var followed: Set<ThreadID> = []
    private var ready = Deque<ThreadID>()
    private var readyForSnapshot = Deque<ThreadID>()
    private var isSnapshotUnderWay = false
    /// The number of requests that wait.
    package private(set) var waitingCount = 0
    /// The size of their messages, in bytes.
    package private(set) var waitingByteCount = 0

    /// - Parameter maximumFollowedCount: how many threads the connection may follow at a time.
    package init(maximumFollowedCount: Int) { self.maximumFollowedCount = maximumFollowedCount }

    /// Nothing waits, and everything is answered.
    package var isIdle: Bool { lanes.isEmpty }

    package enum ReceiveAction {
        /// Carry it out now, and then what ``next(startsSnapshots:)`` says.
        case start(Start)
        /// It is kept; ``next(startsSnapshots:)`` gives it out.
        case wait
    }

    /// A request has come.
    package mutating func receive(
        _ kind: Kind,
        of thread: ThreadID,
        byteCount: Int,
        _ request: Request
    ) -> ReceiveAction {
        let exceedsLimit = follow(kind, thread)
        let allows = lanes[thread].map { $0.waiting.isEmpty && $0.allows(kind) } ?? true
        if allows, kind != .subscribeWithSnapshot || exceedsLimit {
            begin(kind, thread, exceedsLimit: exceedsLimit)
            return .start(Start(kind: kind, thread: thread, request: request, exceedsLimit: exceedsLimit))
        }
        lanes[thread, default: Lane()].waiting.append(
            Waiting(kind: kind, request: request, byteCount: byteCount, exceedsLimit: exceedsLimit))
        waitingCount += 1
        waitingByteCount += byteCount
        makeReady(thread)
        return .wait
    }

    /// - Returns: whether it is a subscription to one thread too many.
    private mutating func follow(_ kind: Kind, _ thread: ThreadID) -> Bool {
        switch kind {
        case .subscribe, .subscribeWithSnapshot:
            guard !followed.contains(thread) else { return false }
            guard followed.count < maximumFollowedCount else { return true }
            followed.insert(thread)
            return false
        case .unsubscribe:
            followed.remove(thread)
            return false
        case .acknowledge, .emit:
            return false
        }
    }

    /// The next request that may begin; to be asked for again, until there is none, after every other call.
    ///
    /// - Parameter startsSnapshots: whether the client takes what it is sent.
    package mutating func next(startsSnapshots: Bool) -> Start? {
        guard let thread = takeReady(startsSnapshots), let first = lanes[thread]?.waiting.popFirst() else { return nil }
        lanes[thread]?.isReady = false
        waitingCount -= 1
        waitingByteCount -= first.byteCount
        begin(first.kind, thread, exceedsLimit: first.exceedsLimit)
        makeReady(thread)
        return Start(kind: first.kind, thread: thread, request: first.request, exceedsLimit: first.exceedsLimit)
    }

    private mutating func takeReady(_ startsSnapshots: Bool) -> ThreadID? {
        // Of the queues an idle connection keeps nothing.
        defer {
            if ready.isEmpty { ready.removeAll() }
            if readyForSnapshot.isEmpty { readyForSnapshot.removeAll() }
        }
        if let thread = ready.popFirst() { return thread }
        return startsSnapshots && !isSnapshotUnderWay ? readyForSnapshot.popFirst() : nil
    }

    private mutating func begin(_ kind: Kind, _ thread: ThreadID, exceedsLimit: Bool) {
        switch kind {
        case .subscribe, .subscribeWithSnapshot:
            guard !exceedsLimit else { break }
            lanes[thread, default: Lane()].isLookingUp = true
            if kind == .subscribeWithSnapshot { isSnapshotUnderWay = true }
        case .emit:
            lanes[thread, default: Lane()].emissionCount += 1
        case .unsubscribe, .acknowledge:
            break
        }
    }

    /// Something of a lane has changed. What may begin can do so until it has: only its own beginning, or that of what
    /// came before it, would keep it from that.
    private mutating func makeReady(_ thread: ThreadID) {
        guard let lane = lanes[thread], !lane.isReady else { return }
        guard let first = lane.waiting.first else {
            if lane.isIdle { lanes[thread] = nil }
            return
        }
        guard lane.allows(first.kind) else { return }
        lanes[thread]?.isReady = true
        if first.kind == .subscribeWithSnapshot, !first.exceedsLimit {
            readyForSnapshot.append(thread)
        } else {
            ready.append(thread)
        }
    }

    /// A look-up is answered, one way or the other.
    ///
    /// - Parameter isFollowed: whether the connection follows the thread now.
    package mutating func lookedUp(_ thread: ThreadID, isFollowed: Bool) {
        guard let lane = lanes[thread], lane.isLookingUp else { return }
        lanes[thread]?.isLookingUp = false
        // It does later, if another one waits; its place was kept.
        if !isFollowed, !lane.waiting.contains(where: { $0.kind.subscribes && !$0.exceedsLimit }) {
            followed.remove(thread)
        }
        makeReady(thread)
    }

    /// The snapshot of a look-up was written, is not to be written any longer, or there is none.
    package mutating func snapshotEnded() { isSnapshotUnderWay = false }

    /// One emission is answered.
    package mutating func answered(_ thread: ThreadID) {
        guard let count = lanes[thread]?.emissionCount, count > 0 else { return }
        lanes[thread]?.emissionCount = count - 1
        makeReady(thread)
    }

    /// A request that was to be carried out is refused: nothing came of it.
    ///
    /// - Parameter isFollowed: whether the connection follows the thread now.
    package mutating func refused(_ start: Start, isFollowed: Bool) {
        switch start.kind {
        case .subscribe, .subscribeWithSnapshot:
            guard !start.exceedsLimit else { return makeReady(start.thread) }
            if start.kind == .subscribeWithSnapshot { snapshotEnded() }
            lookedUp(start.thread, isFollowed: isFollowed)
        case .emit:
            answered(start.thread)
        case .unsubscribe, .acknowledge:
            break
        }
    }

    /// The connection is gone: nothing waits any longer.
    package mutating func end() { self = Self(maximumFollowedCount: maximumFollowedCount) }
}
