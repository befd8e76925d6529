import AgentEvents

/// Whose place in which thread. Users who share a thread do not share consumers, whatever they call them.
struct ConsumerKey: Hashable, Sendable {
    let thread: ThreadID
    let user: UserID
    let consumer: ConsumerID

    /// Under which name the place is stored; `/` is in no identifier.
    var name: String { "\(user)/\(consumer)" }

    /// Whether the name is one that can be stored.
    var isStorable: Bool { name.utf8.count <= StoredValue.maximumNameByteCount }
}
