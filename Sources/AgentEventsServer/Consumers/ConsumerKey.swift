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

    /// Under which name the place is stored; `/` is in no identifier.
    package var name: String { "\(user)/\(consumer)" }

    /// Whether the name is one that can be stored.
    package var isStorable: Bool { name.utf8.count <= StoredValue.maximumNameByteCount }
}
