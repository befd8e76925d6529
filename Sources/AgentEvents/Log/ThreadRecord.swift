/// The record of a thread in a log: enough to number its next event and to rebuild the state of its runs.
public struct ThreadRecord: Hashable, Sendable {
    /// The user that first opened the thread.
    public var user: UserID
    /// The last event.
    public var head: EventID
    /// The oldest event that can still be read. When all were trimmed (``RetentionPolicy``), its sequence is the one
    /// after that of ``head``, and no event has this id (yet).
    public var oldest: EventID
    /// The runs without an end, in the order of their first events.
    public var openRuns: [OpenRun]

    public init(user: UserID, head: EventID, oldest: EventID, openRuns: [OpenRun]) {
        self.user = user
        self.head = head
        self.oldest = oldest
        self.openRuns = openRuns
    }

    /// The sequence of the first event of the oldest run without an end; `nil` when all runs have ended.
    public var firstOpenSequence: UInt64? { openRuns.first?.sequence }

    /// Whether all events were trimmed, and none can be read.
    public var isEmpty: Bool { oldest.sequence > head.sequence }
}
