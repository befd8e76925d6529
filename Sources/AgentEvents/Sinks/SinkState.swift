/// The state of a sink.
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
    /// The condition of the sink.
    public var condition: Condition
    /// When the current batch was first refused; `nil` for a sink that works.
    public var refusedSince: Timestamp?
    /// When the current batch is given again; `nil` for a sink that does not pause.
    public var nextTry: Timestamp?
    /// The number of events that it has taken.
    public var receivedCount: UInt64
    /// The number of events that it refused for good, and that are in its ``DeadLetterStore``.
    public var setAsideCount: UInt64
    /// The number of times that events were trimmed before they were given to the sink (``RetentionPolicy``): it misses
    /// some.
    public var missedTrimCount: UInt64
    /// The number of times that it was given a batch, or a part of one.
    public var attemptCount: UInt64
    /// The number of refusals; after each, the batch was given again or set aside, or the sink failed.
    public var refusalCount: UInt64
    /// The number of starts at which the log had lost events that the sink has (with the power, when commits survive
    /// only the end of the process). The sink then continues after the last event that both have; the events that
    /// follow may have the numbers of lost ones, under other ids.
    public var divergedCount: UInt64
    /// The number of commits since the sink last stood at the end of the log; 0 for a sink that has everything.
    public var pendingCommitCount: UInt64
}
