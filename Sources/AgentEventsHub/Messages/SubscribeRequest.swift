package import AgentEvents

/// A request for a thread's events.
package struct SubscribeRequest: Hashable, Sendable {
    package var thread: ThreadID
    /// Where to begin. `nil`: behind what the consumer has acknowledged, or at the start when it has not yet; without a
    /// consumer, with what comes next.
    package var start: StartPosition?
    /// Under which name acknowledgements are stored; `nil` for nowhere.
    package var consumer: ConsumerID?
    /// When the subscriber gets the state of the thread in the place of the events before.
    package var snapshot: SnapshotUse
    /// Whether fragments may be merged while the subscriber is behind.
    package var merges: Bool

    /// When a subscriber gets the state of the thread in the place of the events before.
    package enum SnapshotUse: Hashable, Sendable {
        case never
        /// When its cursor is not one of the thread.
        case onReset
        /// First of all.
        case atStart
    }

    package init(
        thread: ThreadID,
        start: StartPosition? = nil,
        consumer: ConsumerID? = nil,
        snapshot: SnapshotUse = .never,
        merges: Bool = true
    ) {
        self.thread = thread
        self.start = start
        self.consumer = consumer
        self.snapshot = snapshot
        self.merges = merges
    }
}

extension SubscribeRequest {
    /// Whose place in the thread it is; `nil` without a consumer.
    func consumerKey(of user: UserID) -> ConsumerKey? {
        consumer.map { ConsumerKey(thread: thread, user: user, consumer: $0) }
    }
}
