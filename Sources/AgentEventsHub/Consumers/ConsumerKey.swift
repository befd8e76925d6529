package import AgentEvents
package import AgentEventsProtocol

/// Identifies a consumer's acknowledged position in a thread. Users who share a thread do not share consumers, whatever
/// they call them.
package struct ConsumerKey: Hashable, Sendable {
    package let thread: ThreadID
    package let user: UserID
    package let consumer: ConsumerName

    package init(thread: ThreadID, user: UserID, consumer: ConsumerName) {
        self.thread = thread
        self.user = user
        self.consumer = consumer
    }

    /// Under which name the place is stored. It stands for one user and one consumer: where a `/` could be of either, a
    /// space, which is in no identifier, stands between them. (Places that are stored already have the slash.)
    package var name: String {
        let hasSlash = user.rawValue.utf8.contains(slash) || consumer.rawValue.utf8.contains(slash)
        return hasSlash ? "\(user) \(consumer)" : "\(user)/\(consumer)"
    }

    private var slash: UInt8 { UInt8(ascii: "/") }
}

extension SubscribeRequest {
    /// The key of the request's consumer; `nil` without a consumer.
    func consumerKey(of user: UserID) -> ConsumerKey? {
        consumer.map { ConsumerKey(thread: thread, user: user, consumer: $0) }
    }
}
