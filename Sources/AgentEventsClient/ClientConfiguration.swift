package import AgentEvents
public import NIOCore
internal import NIOPosix

/// The settings of a client. Every value has a default that suits a service on the same network.
public struct ClientConfiguration: Sendable {
    /// The longest time that connecting may take, and then the upgrade. Default: 10 seconds.
    public var connectTimeout: Duration = .seconds(10)
    /// The file with the certificates of the authorities that are trusted, in PEM form; `nil` for those of the system. It is
    /// read at the first connection with TLS. Default: `nil`.
    public var certificateAuthorityFile: String?
    /// The time beyond two heartbeats in which nothing may be heard before the connection counts as dead. Default: 5
    /// seconds.
    public var heartbeatTolerance: Duration = .seconds(5)
    /// The largest message taken, in bytes. Default: 4 MiB.
    public var maximumMessageByteCount = 4 * 1024 * 1024
    /// The limits on what is held of each thread for its reader.
    public var inbox = InboxLimits()
    /// The time that a connection waits for the reader of a thread whose inbox is full before it continues without that
    /// thread. Default: 50 milliseconds.
    public var fullInboxTimeout: Duration = .milliseconds(50)
    /// The time for which acknowledgements are collected before they are sent. Default: 200 milliseconds.
    public var acknowledgementInterval: Duration = .milliseconds(200)
    /// The longest time that a stream takes to send what is left when its scope has ended. Default: 1 second.
    public var closeTimeout: Duration = .seconds(1)
    /// The pauses of a stream before it connects again.
    public var backoff = ReconnectBackoff()
    /// The event loops of the connections. Default: those of the process.
    public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    /// The clock that measures pauses. Default: the continuous clock.
    public var clock: any Clock<Duration>
    /// Numbers from 0 up to, not including, 1, for the jitter of the pauses.
    public var random: @Sendable () -> Double

    /// The source of time and chance for everything else.
    package var environment: Environment

    public init() { self.init(environment: .system) }

    /// A configuration with the clock and the random numbers of an environment.
    package init(environment: Environment) {
        self.environment = environment
        clock = EnvironmentClock(environment)
        random = environment.randomFraction
    }
}
