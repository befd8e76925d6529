/// What a log knows of a thread: enough to number its next event and to rebuild the state of its runs.
public struct ThreadRecord: Hashable, Sendable {
    /// The user that first opened the thread.
    public var user: UserID
    /// The last event.
    public var head: EventID
    /// The oldest event that can still be read.
    public var oldest: EventID
    /// Every run that the thread ever had; an id is not used twice.
    public var runs: Set<RunID>
    /// The sequence of the first event of the oldest run without an end; `nil` when all runs have ended.
    public var firstOpenSequence: UInt64?

    public init(user: UserID, head: EventID, oldest: EventID, runs: Set<RunID>, firstOpenSequence: UInt64?) {
        self.user = user
        self.head = head
        self.oldest = oldest
        self.runs = runs
        self.firstOpenSequence = firstOpenSequence
    }
}
