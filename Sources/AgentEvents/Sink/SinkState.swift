/// How a sink is doing.
public struct SinkState: Sendable {
    @nonexhaustive
    public enum Condition: Sendable {
        /// The last batch was taken, or there was none yet.
        case working
        /// The current batch was refused so many times, last for this reason, and will be given again.
        case retrying(failures: Int, last: any Error)
        /// A batch was refused as often as the policy allows, or the sink's place in the log could not be read or saved.
        /// The sink is given nothing more.
        case failed(any Error)
    }

    /// The sink's name.
    public var name: String
    /// How it is doing.
    public var condition: Condition
    /// How many events it has taken.
    public var receivedCount: UInt64
    /// How many events it refused for good, and are in its ``DeadLetterFile``.
    public var setAsideCount: UInt64
    /// How often events were trimmed before they were given to the sink (``RetentionPolicy``): it misses some.
    public var missedTrimCount: UInt64
    /// How often it was given a batch, or a part of one.
    public var attemptCount: UInt64
    /// How often it refused what it was given; each was given again, set aside, or made the sink fail.
    public var refusalCount: UInt64
    /// How often the log was found, at a start, to have lost events that the sink has (with the power, when commits
    /// survive only the end of the process). The sink then goes on behind the last event that both have; what comes may
    /// have the numbers of what it had, under another id.
    public var divergedCount: UInt64
    /// How many commits were made since the sink last stood at the end of the log; 0 for one that has everything.
    public var pendingCommitCount: UInt64
}
