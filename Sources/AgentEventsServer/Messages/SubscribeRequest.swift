package import AgentEvents

/// A request for a thread's events.
package struct SubscribeRequest: Hashable, Sendable {
    package var thread: ThreadID
    /// Where to begin. `nil`: behind what the consumer has acknowledged, or at the start when it has not yet; without a
    /// consumer, with what comes next.
    package var start: StartPosition?
    /// Under which name acknowledgements are stored; `nil` for nowhere.
    package var consumer: ConsumerID?

    package init(thread: ThreadID, start: StartPosition? = nil, consumer: ConsumerID? = nil) {
        self.thread = thread
        self.start = start
        self.consumer = consumer
    }
}

extension SubscribeRequest {
    /// Whose place in the thread it is; `nil` without a consumer.
    func consumerKey(of user: UserID) -> ConsumerKey? {
        consumer.map { ConsumerKey(thread: thread, user: user, consumer: $0) }
    }
}
