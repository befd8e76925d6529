package import AgentEvents

/// Whose place in which thread. Users who share a thread do not share consumers, whatever they call them.
package struct ConsumerKey: Hashable, Sendable {
    package let thread: ThreadID
    package let user: UserID
    package let consumer: ConsumerID

    package init(thread: ThreadID, user: UserID, consumer: ConsumerID) {
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
