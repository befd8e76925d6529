public import AgentEvents
public import AgentEventsHub

/// The settings of an ``AgentEventsService``. Every value has a default that suits a development machine.
public struct ServiceConfiguration: Sendable {
    /// The name or address to listen on. Default: 127.0.0.1.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 for any that is free. Default: 8080.
    public var port = 8080
    /// A unix socket in place of them, TLS, and the proxies in front. Default: none of these.
    public var listener = ListenerConfiguration()
    /// The address of the listener for operators, with details of the health, the metrics and what takes the scope `admin`:
    /// one of this machine only (`server.open_access` otherwise). `nil`: there is none. Default: `nil`.
    public var internalAddress: InternalAddress?
    /// The address of a listener that answers `GET /metrics` and nothing else, for a Prometheus on another machine: whoever reaches
    /// it may read the metrics, which have no ids and no contents. Let the network admit that one alone. `nil`: there is none.
    /// Default: `nil`.
    public var metricsAddress: InternalAddress?
    /// The folder in which `POST /v1/admin/backups` makes backups, of a log that can be copied while it is written to
    /// (`BackedUpLog`). `nil`: no backups are made. Default: `nil`.
    public var backupFolder: String?
    /// The time for which a connection may be silent, in either direction, before it is pinged. One from which nothing
    /// comes for twice as long after that is closed. Default: 25 seconds.
    public var heartbeatInterval: Duration = .seconds(25)
    /// The time for which a client may take nothing of what waits for it; then its connection is closed, and it can
    /// come back with its cursor. Taken is what the kernel has room for, which it tells in steps of 64 KiB: a client
    /// that reads less than that in this time counts as taking nothing. Default: 60 seconds.
    public var slowReaderTimeout: Duration = .seconds(60)
    /// The largest number of connections at once; further ones are told so and closed (503, `limits.connections`). Keep it
    /// well below the number of files that the process may open, or clients prevent the log from opening its own. `nil`: as
    /// many as the system allows. Default: `nil`.
    public var maximumConnections: Int?
    /// The largest message of a client, in bytes. Default: 1 MiB.
    public var maximumMessageByteCount = 1024 * 1024
    /// The largest body of an HTTP request with events, in bytes. Default: 16 MiB.
    public var maximumBodyByteCount = 16 * 1024 * 1024
    /// The largest number of events in one request; over WebSocket at most 20 000, so that the answer, which lists
    /// them, is within 1 MiB. Default: 1000.
    public var maximumBatchEvents = 1000
    /// The largest number of threads that one connection is subscribed to. Default: 1000.
    public var maximumSubscriptionsPerConnection = 1000
    /// The largest number of commands of one connection within a second. Default: 50.
    public var maximumCommandsPerSecond = 50
    /// The time after which an agent that still works although its run has ended is named in the log. Default: 30 seconds.
    public var stuckAgentTimeout: Duration = .seconds(30)
    /// The time for which a worker keeps its runs, and may come back to them, after the last thing that was heard from it. At least
    /// a second. Default: 30 seconds.
    public var workerLease: Duration = .seconds(30)
    /// The folder with the files of the time zone database (TZif), for the local times of `Schedule`s. `nil`: where systems have it,
    /// such as `/usr/share/zoneinfo` (package `tzdata`). Without it there is UTC alone: a schedule in another zone is refused, and one
    /// that is stored rests, which the log says. Default: `nil`.
    public var zoneFolder: String?
    /// The time after which an agent is stopped that works in a thread which nobody follows: a guard of costs. Its run ends as
    /// `agent_cancelled`, reason `orphaned`, between that time and a quarter more. One that waits for a person, or is paused
    /// or queued, is left alone. Default: `nil`: agents work although nobody looks, and a client that is gone stops nothing.
    public var orphanedAfter: Duration?
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
    /// The origins whose web pages may use the service, over WebSocket and HTTP, as browsers send them:
    /// `https://chat.example.com`, `http://localhost:3000`. One in another form would never match, and is refused at
    /// the start (`server.origin_invalid`). The service's own pages always may. Default: none.
    public var allowedOrigins: Set<String> = []
    /// The longest time that a shutdown takes. Agents get all of it but the last second (or the last half, if that is
    /// less) to end by themselves; then their runs are ended as `agent_cancelled`, reason `shutdown`. Programs outside
    /// that are in the middle of a run have the same time to emit; their runs stay open. Default: 5 seconds.
    public var shutdownGrace: Duration = .seconds(5)
    /// The time at the beginning of a shutdown in which the service takes everything as before, and only says that it is not
    /// ready: a load balancer that asks for `/ready` sends nothing more by then. It comes before ``shutdownGrace``. Default:
    /// none.
    public var drainDelay: Duration = .zero
    /// The longest time that a client is asked to wait, at a shutdown, before it connects again. Clients are asked to
    /// come 10 milliseconds apart, as far as there is room. Default: 30 seconds.
    public var reconnectSpread: Duration = .seconds(30)
    /// The time over which the connections are closed at a shutdown, a slice after the other, once the agents have ended: longer
    /// than it takes the other machines to take them. It comes after ``shutdownGrace``, which is as long as without it. Default:
    /// none, all are closed at once.
    public var drainWindow: Duration = .zero
    /// Keeps who did what to the service; `nil` for nobody. Default: `nil`.
    public var audit: (any AuditTrail)?
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

    /// The settings of the service's hub.
    var hub: HubConfiguration {
        var hub = HubConfiguration()
        hub.heartbeatInterval = heartbeatInterval
        hub.slowReaderTimeout = slowReaderTimeout
        hub.maximumMessageByteCount = maximumMessageByteCount
        hub.maximumBodyByteCount = maximumBodyByteCount
        hub.maximumBatchEvents = maximumBatchEvents
        hub.maximumSubscriptionsPerConnection = maximumSubscriptionsPerConnection
        hub.maximumCommandsPerSecond = maximumCommandsPerSecond
        hub.stuckAgentTimeout = stuckAgentTimeout
        hub.orphanedAfter = orphanedAfter
        hub.outboundWatermarkByteCount = outboundWatermarkByteCount
        hub.pageByteCount = pageByteCount
        hub.eventLoopBacklogByteCount = eventLoopBacklogByteCount
        hub.maximumConcurrentRuns = maximumConcurrentRuns
        hub.maximumConcurrentRunsPerUser = maximumConcurrentRunsPerUser
        hub.maximumQueuedRuns = maximumQueuedRuns
        hub.maximumQueuedRunsPerUser = maximumQueuedRunsPerUser
        hub.maximumQueuedRunsPerThread = maximumQueuedRunsPerThread
        hub.concurrencyPolicy = concurrencyPolicy
        hub.allowedOrigins = allowedOrigins
        hub.shutdownGrace = shutdownGrace
        hub.workerLease = workerLease
        hub.zoneFolder = zoneFolder
        hub.reconnectSpread = reconnectSpread
        hub.drainWindow = drainWindow
        hub.audit = audit
        hub.backupFolder = backupFolder
        hub.agentGrace = agentGrace
        hub.handshakeTimeout = handshakeTimeout
        hub.authenticationTimeout = authenticationTimeout
        hub.limits = limits
        return hub
    }
}
