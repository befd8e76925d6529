/// How a sink is doing.
public struct SinkState: Sendable {
    @nonexhaustive
    public enum Condition: Sendable {
        /// The last batch was taken, or there was none yet.
        case working
        /// The current batch was refused this many times, last for this reason, and will be given again.
        case retrying(failures: Int, last: any Error)
        /// A batch was refused for good, or the sink's place in the log could not be read or saved. The sink is given
        /// nothing more.
        case failed(any Error)
        /// The sink asked for nothing more, with this error (``SinkRetryAdvice/stop``). After the next start a durable
        /// sink continues with the same event.
        case stopped(any Error)
    }

    /// The sink's name.
    public var name: String
    /// How it is doing.
    public var condition: Condition
    /// When the current batch was first refused; `nil` for a sink that works.
    public var refusedSince: Timestamp?
    /// When the current batch is given again; `nil` for a sink that does not pause.
    public var nextTry: Timestamp?
    /// How many events it has taken.
    public var receivedCount: UInt64
    /// How many events it refused for good, and are in its ``DeadLetterStore``.
    public var setAsideCount: UInt64
    /// How often events were trimmed before they were given to the sink (``RetentionPolicy``): it misses some.
    public var missedTrimCount: UInt64
    /// How often it was given a batch, or a part of one.
    public var attemptCount: UInt64
    /// How often it refused what it was given; each was given again, set aside, or made the sink fail.
    public var refusalCount: UInt64
    /// How often the log was found, at a start, to have lost events that the sink has (with the power, when commits
    /// survive only the end of the process). The sink then continues after the last event that both have; what comes may
    /// have the numbers of what it had, under another id.
    public var divergedCount: UInt64
    /// How many commits were made since the sink last stood at the end of the log; 0 for one that has everything.
    public var pendingCommitCount: UInt64
}
