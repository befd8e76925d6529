/// A number of uses within a time, and how many may come at once.
public struct RateLimit: Hashable, Sendable {
    /// The number of uses that are free again within the period.
    public var count: Int
    /// The period; at least one millisecond.
    public var period: Duration
    /// The number of uses that may come at once after a pause.
    public var burst: Int

    /// - Parameter burst: how many uses may come at once; `nil` for as many as a period has.
    public init(_ count: Int, per period: Duration, burst: Int? = nil) {
        self.count = count
        self.period = period
        self.burst = burst ?? count
    }
}

/// The limits on what one client, one address and one user may take from the others. The sizes of single messages and
/// bodies are among the settings of the hub.
///
/// A limit that is `nil` does not count. A request over a limit is refused with the limit's code and with the time after
/// which it would be taken; a client that takes no notice is disconnected (4429).
public struct LimitConfiguration: Hashable, Sendable {
    /// Whether what exceeds a limit is only counted and logged. It goes for ``RuntimeConfiguration/maximumStoredByteCountPerUser``
    /// as well, and not for the room on the disk (``RuntimeConfiguration/minimumFreeByteCount``), without which the log itself
    /// would fail. Default: `false`.
    public var isDryRun = false

    // MARK: Addresses

    /// The connections that one address opens in a short time, and in a longer one; an IPv6 address counts with all of its
    /// /64. Default: 10 a second with a burst of 20, and 200 a minute.
    public var connectsPerAddress = [RateLimit(10, per: .seconds(1), burst: 20), RateLimit(200, per: .seconds(60))]
    /// The connections of one address at a time. Default: 64.
    public var connectionsPerAddress: Int? = 64
    /// The requests of one address with credentials that do not count. Default: 20 a minute.
    public var authenticationFailuresPerAddress: RateLimit? = RateLimit(20, per: .seconds(60))
    /// The connections at a time that have not shown credentials yet; the oldest one is closed when there are more.
    /// Default: 1000.
    public var unauthenticatedConnections: Int? = 1000
    /// The same, of one address. Default: 16.
    public var unauthenticatedConnectionsPerAddress: Int? = 16
    /// Whether the addresses of this machine are limited, too. They are those of a proxy in most cases, or of a developer.
    /// Default: `false`.
    public var includesLoopback = false
    /// The largest number of addresses, and of users, that are kept in mind; the limits of further ones do not count.
    /// Default: 100 000.
    public var maximumTrackedCount = 100_000

    // MARK: Users

    /// The connections of one user at a time; the newest one is refused. Default: 32.
    public var connectionsPerUser: Int? = 32
    /// The messages of one user to agents, and other requests that start one. Default: 10 a minute.
    public var userMessages: RateLimit? = RateLimit(10, per: .seconds(60))
    /// The commands of one user over HTTP; those of one connection have a setting of the hub. Default: 50 a second.
    public var commandsPerUser: RateLimit? = RateLimit(50, per: .seconds(1))
    /// The threads that one user opens. Default: 60 an hour, and 1000 a day.
    public var openedThreads = [RateLimit(60, per: .seconds(3600)), RateLimit(1000, per: .seconds(86_400))]
    /// The factor by which users with the scope `emit`, which are programs, may open threads and send messages more often.
    /// Default: 100.
    public var emitterFactor = 100

    // MARK: Messages

    /// The requests of one connection, and those of one user over HTTP. Default: 100 a second with a burst of 200.
    public var messages: RateLimit? = RateLimit(100, per: .seconds(1), burst: 200)
    /// The same, with the scope `emit`. Default: 1000 a second with a burst of 2000.
    public var emitterMessages: RateLimit? = RateLimit(1000, per: .seconds(1), burst: 2000)
    /// The bytes that are read from one connection; above that the client waits. Default: 1 MiB a second, 2 MiB at once.
    public var bytes: RateLimit? = RateLimit(1 << 20, per: .seconds(1), burst: 2 << 20)
    /// The same, with the scope `emit`. Default: 32 MiB a second, 64 MiB at once.
    public var emitterBytes: RateLimit? = RateLimit(32 << 20, per: .seconds(1), burst: 64 << 20)
    /// The subscriptions that begin on one connection; one that begins with a snapshot counts as ``snapshotCost``. Default:
    /// 100 a second with a burst of 1100, so that a client with the most subscriptions can come back.
    public var subscriptions: RateLimit? = RateLimit(100, per: .seconds(1), burst: 1100)
    /// The number of subscriptions that one with a snapshot stands for. Default: 10.
    public var snapshotCost = 10
    /// The requests over a limit after which a connection is closed, all within the period. Default: 20 within 10 seconds.
    public var strikes: RateLimit? = RateLimit(20, per: .seconds(10))

    /// The limits of a service that others reach.
    public init() {}

    /// No limits, for a service on the developer's machine.
    public static var none: LimitConfiguration {
        var limits = LimitConfiguration()
        limits.connectsPerAddress = []
        limits.connectionsPerAddress = nil
        limits.authenticationFailuresPerAddress = nil
        limits.unauthenticatedConnections = nil
        limits.unauthenticatedConnectionsPerAddress = nil
        limits.connectionsPerUser = nil
        limits.userMessages = nil
        limits.commandsPerUser = nil
        limits.openedThreads = []
        limits.messages = nil
        limits.emitterMessages = nil
        limits.bytes = nil
        limits.emitterBytes = nil
        limits.subscriptions = nil
        limits.strikes = nil
        return limits
    }

    /// - Parameter isEmitter: whether the credentials have the scope `emit`.
    func messages(isEmitter: Bool) -> RateLimit? { isEmitter ? emitterMessages : messages }

    /// - Parameter isEmitter: whether the credentials have the scope `emit`.
    func bytes(isEmitter: Bool) -> RateLimit? { isEmitter ? emitterBytes : bytes }
}
