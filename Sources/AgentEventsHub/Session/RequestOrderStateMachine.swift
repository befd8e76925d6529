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
/// A request may turn out to take rights that have to be asked for (``ask(_:byteCount:)``). It is given out again once they
/// are known; until then nothing else of its thread begins, and everything else continues.
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
        package var request: Request
        /// Whether it is a subscription to one thread too many, which has to be refused.
        package let exceedsLimit: Bool
    }

    private struct Waiting {
        let kind: Kind
        var request: Request
        let byteCount: Int
        let exceedsLimit: Bool

        var takesSnapshot: Bool { kind == .subscribeWithSnapshot && !exceedsLimit }
    }

    /// The requests of one thread that are under way, and those that wait. Small: a connection that emits into many threads
    /// has one for each.
    private struct Lane {
        /// The number of emissions that have begun and are not answered.
        var emissionCount = 0
        var waiting = Deque<Waiting>()
        var isLookingUp = false
        /// Whether rights are asked for the first of those that wait.
        var isAsking = false
        /// Whether the lane is in a line of those whose first request may begin.
        var isReady = false

        func allows(_ kind: Kind) -> Bool {
            guard !isAsking else { return false }
            return switch kind {
            case .subscribe, .subscribeWithSnapshot, .unsubscribe: !isLookingUp && emissionCount == 0
            case .acknowledge, .emit: !isLookingUp
            }
        }

        /// Whether a subscription waits that is not to be refused.
        var hasSubscription: Bool {
            waiting.contains { $0.kind.subscribes && !$0.exceedsLimit }
        }

        var isIdle: Bool { !isLookingUp && emissionCount == 0 && waiting.isEmpty }
    }

    private typealias Lanes = [ThreadID: Lane]

    private let maximumFollowedCount: Int
    /// Those that are not idle.
    private var lanes: Lanes = [:]
    /// The threads that the connection follows once everything is carried out that has come.
    private var followed = SmallDictionary<ThreadID, Void>()
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
        let place = lanes.index(forKey: thread)
        let allows = place.map { lanes.values[$0].waiting.isEmpty && lanes.values[$0].allows(kind) } ?? true
        if allows, kind != .subscribeWithSnapshot || exceedsLimit {
            begin(kind, thread, at: place, exceedsLimit: exceedsLimit)
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
            followed[thread] = ()
            return false
        case .unsubscribe:
            followed[thread] = nil
            return false
        case .acknowledge, .emit:
            return false
        }
    }

    /// The next request that may begin; to be asked for again, until there is none, after every other call.
    ///
    /// - Parameter startsSnapshots: whether the client takes what it is sent.
    package mutating func next(startsSnapshots: Bool) -> Start? {
        while let (thread, isForSnapshot) = takeReady(startsSnapshots) {
            // A lane may have got into a line before rights were asked for its first request; it is in another one then.
            guard let first = lanes[thread]?.waiting.first, lanes[thread]?.allows(first.kind) == true,
                first.takesSnapshot == isForSnapshot
            else { continue }
            _ = lanes[thread]?.waiting.popFirst()
            lanes[thread]?.isReady = false
            waitingCount -= 1
            waitingByteCount -= first.byteCount
            begin(first.kind, thread, at: lanes.index(forKey: thread), exceedsLimit: first.exceedsLimit)
            makeReady(thread)
            return Start(kind: first.kind, thread: thread, request: first.request, exceedsLimit: first.exceedsLimit)
        }
        return nil
    }

    private mutating func takeReady(_ startsSnapshots: Bool) -> (thread: ThreadID, isForSnapshot: Bool)? {
        // Of the queues an idle connection keeps nothing.
        defer {
            if ready.isEmpty { ready.removeAll() }
            if readyForSnapshot.isEmpty { readyForSnapshot.removeAll() }
        }
        if let thread = ready.popFirst() { return (thread, false) }
        guard startsSnapshots, !isSnapshotUnderWay, let thread = readyForSnapshot.popFirst() else { return nil }
        return (thread, true)
    }

    /// - Parameter place: of the thread's lane; `nil` when it has none.
    private mutating func begin(_ kind: Kind, _ thread: ThreadID, at place: Lanes.Index?, exceedsLimit: Bool) {
        switch kind {
        case .subscribe, .subscribeWithSnapshot:
            guard !exceedsLimit else { break }
            lanes[thread, default: Lane()].isLookingUp = true
            if kind == .subscribeWithSnapshot { isSnapshotUnderWay = true }
        case .emit:
            if let place {
                lanes.values[place].emissionCount += 1
            } else {
                lanes[thread] = Lane(emissionCount: 1)
            }
        case .unsubscribe, .acknowledge:
            break
        }
    }

    /// Something of a lane has changed. What may begin can do so until it has: only its own beginning, or that of what
    /// came before it, would keep it from that.
    private mutating func makeReady(_ thread: ThreadID) {
        if let place = lanes.index(forKey: thread) { makeReady(thread, at: place) }
    }

    private mutating func makeReady(_ thread: ThreadID, at place: Lanes.Index) {
        let lane = lanes.values[place]
        guard !lane.isReady else { return }
        guard let first = lane.waiting.first else {
            guard lane.isIdle else { return }
            lanes.remove(at: place)
            // An idle connection keeps no room for them.
            if lanes.isEmpty { lanes = [:] }
            return
        }
        guard lane.allows(first.kind) else { return }
        lanes.values[place].isReady = true
        if first.takesSnapshot {
            readyForSnapshot.append(thread)
        } else {
            ready.append(thread)
        }
    }

    /// A request that was to be carried out takes rights that have to be asked for: it begins later.
    ///
    /// - Parameter byteCount: the size of its message.
    package mutating func ask(_ start: Start, byteCount: Int) {
        switch start.kind {
        case .subscribe:
            lanes[start.thread]?.isLookingUp = false
        case .subscribeWithSnapshot:
            lanes[start.thread]?.isLookingUp = false
            isSnapshotUnderWay = false
        case .emit:
            lanes[start.thread]?.emissionCount -= 1
        case .unsubscribe, .acknowledge:
            break
        }
        lanes[start.thread, default: Lane()].isAsking = true
        lanes[start.thread]?.isReady = false
        lanes[start.thread]?.waiting.prepend(
            Waiting(kind: start.kind, request: start.request, byteCount: byteCount, exceedsLimit: start.exceedsLimit))
        waitingCount += 1
        waitingByteCount += byteCount
    }

    /// The rights that the first request of a thread takes are known, or nobody could say them.
    ///
    /// - Parameter change: notes the answer in the request.
    package mutating func answered(rightsIn thread: ThreadID, _ change: (inout Request) -> Void) {
        guard lanes[thread]?.isAsking == true else { return }
        lanes[thread]?.isAsking = false
        // It was put before the others, and nothing has begun since.
        if lanes[thread]?.waiting.isEmpty == false, let lane = lanes.index(forKey: thread) {
            change(&lanes.values[lane].waiting[0].request)
        }
        makeReady(thread)
    }

    /// A look-up is answered, one way or the other.
    ///
    /// - Parameter isFollowed: whether the connection follows the thread now.
    package mutating func lookedUp(_ thread: ThreadID, isFollowed: Bool) {
        guard let lane = lanes[thread], lane.isLookingUp else { return }
        lanes[thread]?.isLookingUp = false
        // It does later, if another one waits; its place was kept.
        if !isFollowed, !lane.hasSubscription {
            followed[thread] = nil
        }
        makeReady(thread)
    }

    /// The service has ended a subscription by itself.
    package mutating func ended(_ thread: ThreadID) {
        // It begins again, if another one waits; its place was kept.
        if lanes[thread]?.hasSubscription != true { followed[thread] = nil }
    }

    /// The snapshot of a look-up was written, is not to be written any longer, or there is none.
    package mutating func snapshotEnded() { isSnapshotUnderWay = false }

    /// One emission is answered.
    package mutating func answered(_ thread: ThreadID) {
        guard let place = lanes.index(forKey: thread), lanes.values[place].emissionCount > 0 else { return }
        lanes.values[place].emissionCount -= 1
        makeReady(thread, at: place)
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
