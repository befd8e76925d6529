/// Up to where a thread is trimmed.
public struct ThreadTrim: Hashable, Sendable {
    public var thread: ThreadID
    /// The sequence of the first event that stays; one behind the thread's head when none does.
    public var firstKept: UInt64

    public init(thread: ThreadID, firstKept: UInt64) {
        self.thread = thread
        self.firstKept = firstKept
    }
}
