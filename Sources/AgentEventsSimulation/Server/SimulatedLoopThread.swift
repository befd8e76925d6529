import AgentEvents
import AgentEventsHub

/// Mirrors `LoopThread` and `RecentCommits`: a thread with subscriptions on one event loop.
final class SimulatedLoopThread {
    /// How many bytes of the latest commits are kept while somebody catches up.
    static let maximumRecentByteCount = 1024
    /// Up to so many bytes of commits become one write.
    private static let joinedByteCount = 768

    private var subscriptions: [SimulatedSubscription] = []
    /// Commits up to there were on their way when the loop began to listen.
    private let listensBehind: UInt64
    private var recent: [FramedBatch] = []
    private var gathered: [SimulatedCommit] = []
    private(set) var recentByteCount = 0
    /// The last event that the loop has seen.
    private(set) var headID: EventID?

    init(listensBehind: UInt64) { self.listensBehind = listensBehind }

    var head: UInt64 { headID?.sequence ?? 0 }
    var isEmpty: Bool { subscriptions.isEmpty }

    func add(_ subscription: SimulatedSubscription) { subscriptions.append(subscription) }

    func remove(_ subscription: SimulatedSubscription) {
        guard let index = subscriptions.firstIndex(where: { $0 === subscription }) else { return }
        subscriptions.swapAt(index, subscriptions.count - 1)
        subscriptions.removeLast()
    }

    /// - Returns: whether it is the first that is to be delivered.
    func gather(_ commit: SimulatedCommit, upTo position: UInt64) -> Bool {
        guard position > listensBehind else { return false }
        gathered.append(commit)
        return gathered.count == 1
    }

    func deliver(written: inout [SimulatedSession]) {
        var commits: [SimulatedCommit] = []
        swap(&commits, &gathered)
        for commit in SimulatedCommit.joined(commits, maximumByteCount: Self.joinedByteCount) {
            deliver(commit, written: &written)
        }
    }

    private func deliver(_ commit: SimulatedCommit, written: inout [SimulatedSession]) {
        headID = commit.lastID
        var somebodyCatchesUp = false
        for subscription in subscriptions {
            subscription.deliver(commit, written: &written)
            if !subscription.isLive { somebodyCatchesUp = true }
        }
        if somebodyCatchesUp, let batch = commit.batch { keep(batch) } else { clear() }
    }

    /// A subscription is live.
    func caughtUp() {
        if !recent.isEmpty, subscriptions.allSatisfy(\.isLive) { clear() }
    }

    private func clear() {
        recent = []
        recentByteCount = 0
    }

    private func keep(_ batch: FramedBatch) {
        // The loop was not told of what came while nobody followed the thread.
        if let last = recent.last, last.lastSequence + 1 != batch.firstSequence { clear() }
        recent.append(batch)
        recentByteCount += batch.byteCount
        while recentByteCount > Self.maximumRecentByteCount, recent.count > 1 {
            recentByteCount -= recent.removeFirst().byteCount
        }
    }

    /// The batches behind a sequence number up to ``head``; `nil` when they are not all kept.
    func recentBatches(after sequence: UInt64) -> [FramedBatch]? {
        if sequence >= head { return [] }
        guard let first = recent.first, first.firstSequence <= sequence + 1 else { return nil }
        return recent.filter { $0.lastSequence > sequence }
    }
}
