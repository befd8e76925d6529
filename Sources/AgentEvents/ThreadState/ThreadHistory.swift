/// The messages of a thread from before a place, such as the start of a run; see ``AgentRun/history(limit:)``.
public struct ThreadHistory: Hashable, Sendable {
    /// The complete messages, of users and of agents, in the order in which they were opened: oldest first.
    public var messages: [ThreadState.Message]
    /// Whether these are all. `false` when older ones are left out because of the limit, and when events of the thread were
    /// trimmed (``RetentionPolicy``): messages may be among them.
    public var isComplete: Bool

    public init(messages: [ThreadState.Message], isComplete: Bool) {
        self.messages = messages
        self.isComplete = isComplete
    }
}

extension ThreadHistory {
    /// - Parameters:
    ///   - sequence: the number of the first event that does not count any longer; it is committed.
    ///   - limit: the most messages.
    init(
        of thread: ThreadID,
        before sequence: UInt64,
        limit: Int,
        from log: any EventLog
    ) async throws(EventLogError) {
        let store = log as? any StateStore
        let end = sequence - 1
        var fold = try await ThreadFold(loading: thread, from: log, store, upTo: end)
        // The retention has overtaken it; each time again takes another trim.
        while try await fold.advance(thread, in: log, upTo: end) == .overtaken {
            fold = try await ThreadFold(loading: thread, from: log, store, upTo: end)
        }
        let complete = fold.state.messages.filter(\.isComplete)
        let newest = complete.suffix(max(0, limit))
        self.init(
            messages: Array(newest),
            isComplete: newest.count == complete.count && fold.state.dropped.messages == 0 && !fold.lacksOldest)
    }
}
