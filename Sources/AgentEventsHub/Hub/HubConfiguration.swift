public import AgentEvents

/// The settings of an ``AgentEventsHub``. Every value has a default that suits a development machine.
public struct HubConfiguration: Sendable {
    /// The time for which a connection may be silent, in either direction, before it is pinged. One from which nothing
    /// comes for twice as long after that is closed. Default: 25 seconds.
    public var heartbeatInterval: Duration = .seconds(25)
    /// The time for which a client may take nothing of what waits for it; then its connection is closed, and it can
    /// come back with its cursor. Taken is what the kernel has room for, which it tells in steps of 64 KiB: a client
    /// that reads less than that in this time counts as taking nothing. Default: 60 seconds.
    public var slowReaderTimeout: Duration = .seconds(60)
    /// The largest message of a client, in bytes. Default: 1 MiB.
    public var maximumMessageByteCount = 1024 * 1024
    /// The largest body of an HTTP request with events, in bytes. Default: 16 MiB.
    public var maximumBodyByteCount = 16 * 1024 * 1024
    /// The largest number of events in one request; over a stream at most 20 000, so that the answer, which lists them,
    /// is within 1 MiB. Default: 1000.
    public var maximumBatchEvents = 1000
    /// The largest number of threads that one connection is subscribed to. Default: 1000.
    public var maximumSubscriptionsPerConnection = 1000
    /// The number of bytes not yet taken by a connection at which no further event is written to it, until it has taken
    /// half of them; the events in between come from the log then. Beyond that at most one page or one commit waits for
    /// it, 1 MiB or a single larger event, and 64 KiB of answers. Default: 256 KiB.
    public var outboundWatermarkByteCount = 256 * 1024
    /// The number of bytes of events that are read from the log at a time for a client that catches up; the threads of
    /// a connection take turns. Default: 64 KiB.
    public var pageByteCount = 64 * 1024
    /// The number of committed bytes that wait for an event loop that is busy with its connections; its subscribers
    /// read everything beyond that from the log. Default: 4 MiB.
    public var eventLoopBacklogByteCount = 4 * 1024 * 1024
    /// The largest number of agents that run at once; further runs are queued. One that waits for a person, or is paused,
    /// does not count. Default: 256.
    public var maximumConcurrentRuns = 256
    /// The largest number of agents that run at once on behalf of one user; further runs are queued. Default: 8.
    public var maximumConcurrentRunsPerUser = 8
    /// The largest number of queued runs; beyond it requests are refused with `agents.busy`. Default: 10 000.
    public var maximumQueuedRuns = 10_000
    /// The largest number of queued runs of one user; beyond it requests are refused with `user.queue_full`. Default: 64.
    public var maximumQueuedRunsPerUser = 64
    /// The largest number of queued runs in one thread; beyond it requests are refused with `thread.queue_full`. Default:
    /// 16.
    public var maximumQueuedRunsPerThread = 16
    /// The policy for messages that meet a busy thread, where neither they nor their agent say. Default:
    /// ``ConcurrencyPolicy/queue``.
    public var concurrencyPolicy: ConcurrencyPolicy = .queue
    /// The largest number of commands of one connection within a second. Default: 50.
    public var maximumCommandsPerSecond = 50
    /// The time after which an agent that still works although its run has ended is named in the log. Default: 30 seconds.
    public var stuckAgentTimeout: Duration = .seconds(30)
    /// The time for which a worker keeps its runs, and may come back to them, after the last thing that was heard from it. At least
    /// a second. Default: 30 seconds.
    public var workerLease: Duration = .seconds(30)
    /// The folder with the files of the time zone database (TZif), for the local times of ``Schedule``s. `nil`: where systems have it,
    /// such as `/usr/share/zoneinfo` (package `tzdata`). Without it there is UTC alone: a schedule in another zone is refused, and one
    /// that is stored rests, which the log says. Default: `nil`.
    public var zoneFolder: String?
    /// The time after which an agent is stopped that works in a thread which nobody follows: a guard of costs. Its run ends as
    /// `agent_cancelled`, reason `orphaned`, between that time and a quarter more. One that waits for a person, or is paused
    /// or queued, is left alone. Default: `nil`: agents work although nobody looks, and a client that is gone stops nothing.
    public var orphanedAfter: Duration?
    /// Whether there is a list of threads, where the log can keep one (``ListingEventLog``). Default: `true`.
    public var listsThreads = true
    /// The least time for which a revocation counts. With an ``ExpiringAuthenticator`` it counts at least as long as the longest
    /// life of its credentials, whatever this says; for another authenticator this is to be no less. Default: 24 hours and a
    /// minute.
    public var revocationLifetime: Duration = .seconds(24 * 3600 + 60)
    /// The origins whose web pages may use the hub over WebSocket and HTTP, as browsers send them:
    /// `https://chat.example.com`, `http://localhost:3000`. One in another form would never match, and is refused at
    /// the start. Pages of the same origin always may. Default: none.
    public var allowedOrigins: Set<String> = []
    /// The longest time that a shutdown takes. Agents get all of it but the last second (or the last half, if that is
    /// less) to end by themselves; then their runs are ended as `agent_cancelled`, reason `shutdown`, or stay open for the
    /// next process (``ResumableAgent``). Programs outside that are in the middle of a run have the same time to emit; their
    /// runs stay open. Default: 5 seconds.
    public var shutdownGrace: Duration = .seconds(5)
    /// The longest that a client is asked to wait, at a shutdown, before it connects again. Clients are asked to come
    /// 10 milliseconds apart, as far as there is room. Default: 30 seconds.
    public var reconnectSpread: Duration = .seconds(30)
    /// The time over which the connections are closed at a shutdown, a slice after the other, once the agents have ended: longer
    /// than it takes the other machines to take them. It comes after ``shutdownGrace``, which is as long as without it. Default:
    /// none, all are closed at once.
    public var drainWindow: Duration = .zero
    /// Keeps who did what to the service; `nil` for nobody. Default: `nil`.
    public var audit: (any AuditTrail)?
    /// The folder in which backups of the log are made; `nil` when there is none.
    package var backupFolder: String?
    /// The part of ``shutdownGrace`` that agents get to end by themselves. Default: as said there.
    package var agentGrace: Duration?
    /// The longest time that a client may take for its first request. Default: 10 seconds.
    package var handshakeTimeout: Duration = .seconds(10)
    /// The time in which a client without a token in its upgrade shows one.
    package var authenticationTimeout: Duration = .seconds(5)

    /// The limits on what one client, one address and one user may take from the others. Default: those of
    /// ``LimitConfiguration`` where requests need credentials, and none otherwise: then there is one user, on this machine.
    public var limits: LimitConfiguration?

    public init() {}

    /// The rules of zones.
    var zones: any ZoneSource { zoneFolder.map { ZoneFolder(paths: [$0]) } ?? ZoneFolder() }

    /// The limits on runs.
    var queueLimits: RunQueueStateMachine.Limits {
        var limits = RunQueueStateMachine.Limits()
        limits.running = maximumConcurrentRuns
        limits.runningPerUser = maximumConcurrentRunsPerUser
        limits.queued = maximumQueuedRuns
        limits.queuedPerUser = maximumQueuedRunsPerUser
        return limits
    }

    /// The limits on programs outside that work for agents.
    var workerLimits: WorkersStateMachine.Limits {
        var limits = WorkersStateMachine.Limits()
        limits.leaseMilliseconds = max(1000, workerLease.milliseconds)
        return limits
    }

    /// The time for which a revocation counts: after it no credentials are valid any longer that were issued before.
    func revocationLifetime(for authenticator: any Authenticator) -> Duration {
        guard let expiring = authenticator as? any ExpiringAuthenticator else { return revocationLifetime }
        guard let life = expiring.longestLife else { return .seconds(Int64.max) }
        return max(life, revocationLifetime)
    }

    /// The limits on what addresses and users use.
    ///
    /// - Parameter needsCredentials: whether requests need credentials.
    func usageLimits(needsCredentials: Bool) -> LimitConfiguration {
        limits ?? (needsCredentials ? LimitConfiguration() : .none)
    }

    /// The limits of one connection.
    ///
    /// - Parameter needsCredentials: whether requests need credentials.
    package func streamLimits(needsCredentials: Bool) -> StreamLimits {
        let rates = usageLimits(needsCredentials: needsCredentials)
        var limits = StreamLimits()
        limits.rates = rates
        limits.maximumMessageByteCount = maximumMessageByteCount
        limits.maximumBatchEvents = min(maximumBatchEvents, 20_000)
        limits.maximumCommandsPerSecond = maximumCommandsPerSecond
        limits.maximumSubscriptions = maximumSubscriptionsPerConnection
        limits.outboundWatermarkByteCount = outboundWatermarkByteCount
        limits.pageByteCount = pageByteCount
        limits.maximumInboxByteCount = eventLoopBacklogByteCount
        limits.heartbeatMilliseconds = UInt32(clamping: heartbeatInterval.milliseconds)
        limits.stallMilliseconds = UInt32(clamping: slowReaderTimeout.milliseconds)
        limits.authenticationMilliseconds = authenticationTimeout.milliseconds
        limits.handshakeSeconds = handshakeTimeout.components.seconds
        limits.leaveMilliseconds = shutdownGrace.milliseconds
        limits.reconnectMilliseconds = reconnectSpread.milliseconds
        return limits
    }
}

extension Duration {
    /// Whole milliseconds; as many as there can be when there are more.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, isOver) = seconds.multipliedReportingOverflow(by: 1000)
        return isOver ? (seconds < 0 ? .min : .max) : whole + attoseconds / 1_000_000_000_000_000
    }
}
