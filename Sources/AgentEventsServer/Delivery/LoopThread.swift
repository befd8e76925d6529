import AgentEvents
import NIOCore

/// A thread with subscriptions on one event loop. Confined to the loop.
final class LoopThread {
    private var subscriptions: [StreamSubscription] = []
    /// Commits up to there do not count: they were on their way when the loop began to listen, and others behind them
    /// passed it by.
    private var listensBehind: UInt64 = 0
    private var recent = RecentCommits()
    /// The last event that the loop has seen; 0 before the first commit.
    var head: UInt64 { headID?.sequence ?? 0 }
    private(set) var headID: EventID?
    /// Whose thread it is, once a commit has told.
    private(set) var owner: UserID?

    var isEmpty: Bool { subscriptions.isEmpty }

    /// The loop listens from now on.
    ///
    /// - Parameter position: what is committed up to there is in the log, and nowhere else.
    func listens(behind position: UInt64) { listensBehind = position }

    func add(_ subscription: StreamSubscription) { subscriptions.append(subscription) }

    func remove(_ subscription: StreamSubscription) {
        if let index = subscriptions.firstIndex(where: { $0 === subscription }) {
            subscriptions.swapAt(index, subscriptions.count - 1)
            subscriptions.removeLast()
        }
    }

    /// Those who follow the thread on this loop.
    var subscribers: [Subscriber] { subscriptions.compactMap(\.subscriber) }

    /// - Parameter position: everything accepted up to there is committed.
    func deliver(
        _ committed: CommittedEvents,
        upTo position: UInt64,
        written: inout [StreamSession],
        sentCount: inout Int
    ) {
        guard position > listensBehind else { return }
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
