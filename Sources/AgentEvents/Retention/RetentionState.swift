/// How the trimming of a runtime's log is doing.
public struct RetentionState: Sendable {
    /// How often everything that was due has been gone through.
    public var sweepCount = 0
    /// How often a thread was trimmed.
    public var trimCount = 0
    /// How often a thread was trimmed without its state: the state exceeded the limit of what is stored, that of events
    /// trimmed before is not known, or an event could not be read, which ``failure`` tells then.
    public var droppedSnapshotCount = 0
    /// What went wrong in the last sweep; `nil` when nothing did. One that could not go on is tried again.
    public var failure: (any Error)?

    public init() {}
}
