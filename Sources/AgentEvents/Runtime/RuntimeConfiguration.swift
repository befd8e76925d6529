/// The settings of an ``AgentRuntime``. Every value has a default that suits a service.
public struct RuntimeConfiguration: Sendable {
    /// The strictness with which the order of runs is checked. Default: ``OrderPolicy/standard``.
    public var orderPolicy: OrderPolicy = .standard
    /// The largest event, encoded, in bytes; larger ones are refused with `event.too_large`, but for those with which
    /// the runtime itself ends a run and what is open in it: these are made of what was accepted. Many WebSocket
    /// clients take no message of more than 1 MiB, and each event is a message: leave it at that or below for them.
    /// Default: 1 MiB.
    public var maximumEventByteCount = 1024 * 1024
    /// The number of bytes accepted and not yet committed at which producers are suspended. Default: 16 MiB.
    public var highWaterByteCount = 16 * 1024 * 1024
    /// The number of idle execution contexts that are kept in memory; further ones are rebuilt from the log when they
    /// are needed. Default: 10 000.
    public var maximumIdleContexts = 10_000
    /// The time for which an idle context is kept at least, while there is room; at most twice as long. Default: 60
    /// seconds.
    public var idleContextTimeout: Duration = .seconds(60)
    /// The longest time that a call waits for ``AgentRuntime/run()`` to start before it fails with
    /// `runtime.not_running`. Default: 10 seconds.
    public var startTimeout: Duration = .seconds(10)
    /// The policy by which a sink that throws is called again. Default: ten times, up to 5 s apart.
    /// A ``DurableSink`` has a policy of its own.
    public var sinkRetry = SinkRetryPolicy()
    /// The events that the log keeps; only a ``TrimmableLog`` can be trimmed. Default: all.
    public var retention = RetentionPolicy()
    /// The time between two sweeps that trim the log. Default: 60 seconds.
    public var retentionInterval: Duration = .seconds(60)
    /// The largest number of bytes that the events of all threads of one user take in the log; `nil` for no limit. Beyond it
    /// events are refused with `limits.storage`, by no more than what was on its way. Older events that are trimmed, and threads
    /// that are deleted, make room. The log must be a ``DeletingEventLog``. Default: `nil`.
    public var maximumStoredByteCountPerUser: Int?
    /// The bytes beyond ``maximumStoredByteCountPerUser`` for events that end a run, or something that is open in one. What the
    /// runtime itself ends needs none. Default: 1 MiB.
    public var storageReserveByteCount = 1024 * 1024
    /// The room on the disk below which events are refused with `server.storage`, but for those that end something; the log is
    /// read as before. Where there is no room at all, the log fails. 0 for no limit; it has an effect with a ``RoomAwareLog``.
    /// Default: 0.
    public var minimumFreeByteCount = 0
    /// The most tokens that the runs in the threads of one user may use on a day, read and written, as they are reported
    /// (``AgentRun/reportUsage(_:)``, `usage_reported`); `nil` for no limit. A day is one in UTC, and its tokens are those whose events
    /// have a time on it.
    ///
    /// A run that begins when they are used fails with `run.budget_exceeded`; one that is under way is ended with it, in the same commit,
    /// by the report that goes beyond. Its details have `limit`, `used` and `next_day`, the time from which runs can begin again. By
    /// how much it is exceeded depends on that report, and on others that are on their way at the same moment. What was used earlier
    /// on the day is read from the log after a restart, which has to be a ``DeletingEventLog`` for that; what was deleted or trimmed
    /// meanwhile does not count then. Runs that programs outside emit are ended by their reports, too, and begin as they like.
    /// Default: `nil`.
    public var tokensPerUserAndDay: Int64?
    /// The longest time that a run without a parent works when its caller sets no deadline; `nil` for no limit. At its
    /// end the run fails with `run.deadline`, and what its body emits later is refused. Times in which the run is paused, or
    /// in which it and its children only wait for answers to requests for approval, do not count. Default: `nil`.
    public var runDeadline: Duration?
    /// The longest time from the start of a run without a parent to its end, pauses and waits included; `nil` for no limit.
    /// At its end the run fails with `run.too_old`. It is measured by the times of events, also while no process has the log
    /// open. At least a millisecond. Default: 7 days.
    public var maximumRunAge: Duration? = .seconds(7 * 24 * 60 * 60)
    /// The longest time that a tool call takes when its caller sets no time limit; `nil` for no limit. At its end the
    /// call completes as `timed_out`, and what its body returns later is not used. Default: `nil`.
    public var toolTimeout: Duration?
    /// The longest time in which nothing comes for a run that is emitted from outside (``RunHost/outside``) and does
    /// not ask for a time of its own: then it ends as `agent_failed`, code `run.lost`, and what is open in it is
    /// closed. Any event of the run or of a run below it counts; while one of them is paused, or waits for an approval,
    /// the time does not pass. One that is queued ends as `agent_cancelled`, and not before the time that it is to start
    /// after and this one more. It is measured by the times of events, also while no process has the log open. At least
    /// a millisecond. Default: 15 minutes.
    public var emittedRunTimeout: Duration = .seconds(15 * 60)
    /// The source of the times of events. Default: the operating system.
    public var clock: WallClock
    /// The clock that measures pauses and time limits. Default: the continuous clock.
    public var durationClock: any Clock<Duration>
    /// The source of new ids. Default: time-sorted random ones.
    public var identifiers: IdentifierSource

    /// The source of time, chance and threads for everything else.
    package var environment: Environment

    public init() { self.init(environment: .system) }

    /// A configuration with the clocks, ids and random numbers of an environment.
    package init(environment: Environment) {
        self.environment = environment
        clock = environment.wallClock
        durationClock = EnvironmentClock(environment)
        identifiers = .timeSorted(in: environment)
    }

    /// The longest text of one message, encoded, in bytes: `message_completed`, which carries the whole of it, must be
    /// within ``maximumEventByteCount``.
    package var maximumMessageByteCount: Int { max(0, maximumEventByteCount - Self.envelopeByteCount) }

    var emittedRunTimeoutMilliseconds: Int64 { max(1, Int64(clamping: emittedRunTimeout.wholeMilliseconds)) }

    /// More than the envelope and the other members of `message_completed` take: three ids of at most 256 bytes, which
    /// JSON writes as they are, an agent's name of 256, which may be written twice as long, and 400 bytes for the rest.
    private static let envelopeByteCount = 2048
}
