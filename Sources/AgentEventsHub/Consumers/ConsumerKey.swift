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
        let hasSlash = user.rawValue.utf8.contains(Self.slash) || consumer.rawValue.utf8.contains(Self.slash)
        return hasSlash ? "\(user) \(consumer)" : "\(user)/\(consumer)"
    }

    /// Whether a place is stored under a name for this user. What an earlier version stored for a user or a consumer with a slash
    /// could be of several, and is left to the end of its thread.
    static func isName(_ name: String, of user: UserID) -> Bool {
        if name.hasPrefix("\(user) ") { return true }
        guard name.hasPrefix("\(user)/") else { return false }
        let consumer = name.utf8.dropFirst(user.rawValue.utf8.count + 1)
        return !consumer.contains { $0 == Self.slash || $0 == UInt8(ascii: " ") }
    }

    private static var slash: UInt8 { UInt8(ascii: "/") }
}

extension SubscribeRequest {
    /// The key of the request's consumer; `nil` without a consumer.
    func consumerKey(of user: UserID) -> ConsumerKey? {
        consumer.map { ConsumerKey(thread: thread, user: user, consumer: $0) }
    }
}
