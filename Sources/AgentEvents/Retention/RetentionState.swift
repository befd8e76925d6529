/// How the trimming of a runtime's log is doing.
public struct RetentionState: Sendable {
    /// How often everything that was due has been gone through.
    public var sweepCount = 0
    /// How often a thread was trimmed.
    public var trimCount = 0
    /// How often a thread was trimmed without its state, because the state exceeded the limit of a stored value, or that
    /// of events trimmed before is not known.
    public var droppedSnapshotCount = 0
    /// Why the last sweep was broken off; `nil` when it was not. The next one tries again.
    public var failure: (any Error)?

    public init() {}
}
