import AgentEvents
import NIOCore

/// A thread with subscriptions on one event loop. Confined to the loop.
final class LoopThread {
    /// Small commits become one write, so that a loop with a backlog writes less often; large ones gain nothing.
    private static let joinedByteCount = 64 * 1024

    private var subscriptions = ThreadSubscriptions()
    /// Commits up to there do not count: they were on their way when the loop began to listen, and others after them
    /// passed it by.
    private var listeningStart: UInt64 = 0
    private var recent = RecentCommits()
    /// The last event that the loop has seen; 0 before the first commit.
    var head: UInt64 { headID?.sequence ?? 0 }
    private(set) var headID: EventID?
    /// The place of the thread in the delivery that is being gathered; `nil` when it has none. As small as the gap that it fills.
    private var gatheredPlace: Int32?
    /// The user whose thread it is, once a commit or a look-up has told; a thread without events has none.
    private(set) var owner: UserID?

    var isEmpty: Bool { subscriptions.isEmpty }

    /// The loop listens from now on.
    ///
    /// - Parameter position: what is committed up to there is in the log, and nowhere else.
    func startListening(after position: UInt64) { listeningStart = position }

    func add(_ subscription: StreamSubscription) { subscriptions.append(subscription) }

    /// The thread was found in the log.
    func wasFound(owner: UserID) { self.owner = owner }

    func remove(_ subscription: StreamSubscription) {
        subscriptions.remove(subscription)
    }

    /// The subscribers of the thread on this loop.
    var subscribers: [Subscriber] { subscriptions.all.compactMap(\.subscriber) }

    /// A commit with events of the thread; delivered with those that come with it.
    ///
    /// - Parameters:
    ///   - position: everything accepted up to there is committed.
    ///   - gathered: all that is delivered together, each thread once; ``deliver(_:isSettled:written:sentCount:)`` follows.
    /// - Returns: whether it is delivered.
    @discardableResult
    func gather(_ committed: CommittedEvents, upTo position: UInt64, into gathered: inout [GatheredCommits]) -> Bool {
        guard position > listeningStart else { return false }
        if let gatheredPlace {
            gathered[Int(gatheredPlace)].others.append(committed)
        } else {
            gatheredPlace = Int32(gathered.count)
            gathered.append(GatheredCommits(thread: self, first: committed))
        }
        return true
    }

    /// Every live subscriber gets what was gathered.
    ///
    /// - Parameters:
    ///   - commits: those of the thread.
    ///   - isSettled: ``LoopState/isSettled``.
    func deliver(
        _ commits: GatheredCommits,
        isSettled: Bool,
        written: inout WrittenSessions,
        sentCount: inout Int
    ) {
        gatheredPlace = nil
        guard !commits.others.isEmpty else {
            return deliver(commits.first, isSettled: isSettled, written: &written, sentCount: &sentCount)
        }
        let all = [commits.first] + commits.others
        for committed in CommittedEvents.joined(all, maximumByteCount: Self.joinedByteCount) {
            deliver(committed, isSettled: isSettled, written: &written, sentCount: &sentCount)
        }
    }

    private func deliver(
        _ committed: CommittedEvents,
        isSettled: Bool,
        written: inout WrittenSessions,
        sentCount: inout Int
    ) {
        owner = committed.owner
        // A notice of what another writer has committed may be late.
        if committed.lastID.sequence > head { headID = committed.lastID }
        var somebodyCatchesUp = false
        subscriptions.forEach { subscription in
            subscription.deliver(committed, isSettled: isSettled, written: &written, sentCount: &sentCount)
            if !subscription.isLive { somebodyCatchesUp = true }
        }
        if somebodyCatchesUp { recent.append(committed) } else { recent.clear() }
    }

    /// A subscription is live.
    func caughtUp() {
        if !recent.isEmpty, subscriptions.allSatisfy(\.isLive) { recent.clear() }
    }

    /// The frames after a sequence number up to ``head``; `nil` when they are not all kept.
    func recentFrames(after sequence: UInt64) -> [ByteBuffer]? {
        sequence >= head ? [] : recent.frames(after: sequence)
    }
}

/// The commits of a thread that are delivered together. Mostly there is one: with a thread for each connection, an array of its own
/// would be made and dropped for each event.
struct GatheredCommits {
    let thread: LoopThread
    let first: CommittedEvents
    var others: [CommittedEvents] = []
}

/// The subscriptions of one event loop to a thread. Most threads have one, which needs no array: neither its memory, nor the look
/// into it with each event.
private struct ThreadSubscriptions {
    private var only: StreamSubscription?
    /// All of them; empty while there is only one.
    private var several: [StreamSubscription] = []

    var isEmpty: Bool { only == nil && several.isEmpty }
    var all: [StreamSubscription] { only.map { [$0] } ?? several }

    mutating func append(_ subscription: StreamSubscription) {
        if isEmpty {
            only = subscription
        } else if let first = only {
            only = nil
            several = [first, subscription]
        } else {
            several.append(subscription)
        }
    }

    mutating func remove(_ subscription: StreamSubscription) {
        if only === subscription {
            only = nil
        } else if let index = several.firstIndex(where: { $0 === subscription }) {
            several.swapAt(index, several.count - 1)
            several.removeLast()
            if several.isEmpty { several = [] }
        }
    }

    func forEach(_ body: (StreamSubscription) -> Void) {
        if let only { body(only) } else { several.forEach(body) }
    }

    func allSatisfy(_ condition: (StreamSubscription) -> Bool) -> Bool {
        if let only { condition(only) } else { several.allSatisfy(condition) }
    }
}
