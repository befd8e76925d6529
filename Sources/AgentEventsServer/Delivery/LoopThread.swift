import AgentEvents
import NIOCore

/// A thread with subscriptions on one event loop. Confined to the loop.
final class LoopThread {
    private var subscriptions: [StreamSubscription] = []
    private var recent = RecentCommits()
    /// The last event that the loop has seen; 0 before the first commit.
    var head: UInt64 { headID?.sequence ?? 0 }
    private(set) var headID: EventID?
    /// Whose thread it is, once a commit has told.
    private(set) var owner: UserID?

    var isEmpty: Bool { subscriptions.isEmpty }

    func add(_ subscription: StreamSubscription) { subscriptions.append(subscription) }

    func remove(_ subscription: StreamSubscription) {
        if let index = subscriptions.firstIndex(where: { $0 === subscription }) {
            subscriptions.swapAt(index, subscriptions.count - 1)
            subscriptions.removeLast()
        }
    }

    /// Those who follow the thread on this loop.
    var subscribers: [Subscriber] { subscriptions.compactMap(\.subscriber) }

    func deliver(_ committed: CommittedEvents, written: inout [StreamSession], sentCount: inout Int) {
        let events = committed.events
        owner = committed.owner
        headID = events.lastID
        var somebodyCatchesUp = false
        for subscription in subscriptions {
            subscription.deliver(committed, written: &written, sentCount: &sentCount)
            if !subscription.isLive { somebodyCatchesUp = true }
        }
        if somebodyCatchesUp { recent.append(events) } else { recent.clear() }
    }

    /// A subscription is live.
    func caughtUp() {
        if !recent.isEmpty, subscriptions.allSatisfy(\.isLive) { recent.clear() }
    }

    /// The frames behind a sequence number up to ``head``; `nil` when they are not all kept.
    func recentFrames(after sequence: UInt64) -> [ByteBuffer]? {
        sequence >= head ? [] : recent.frames(after: sequence)
    }
}
