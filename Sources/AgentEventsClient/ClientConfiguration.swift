package import AgentEvents
public import NIOCore
internal import NIOPosix

/// How a client connects. Every value has a default that suits a service on the same network.
public struct ClientConfiguration: Sendable {
    /// How long connecting and the upgrade may take, each, in seconds. Default: 10.
    public var connectSeconds: Double = 10
    /// How long nothing may be heard beyond two heartbeats before the connection counts as dead, in seconds. Default: 5.
    public var silenceSlackSeconds: Double = 5
    /// The largest message taken, in bytes. Default: 4 MiB.
    public var maximumMessageByteCount = 4 * 1024 * 1024
    /// How much is held of each thread for its reader.
    public var inbox = InboxLimits()
    /// How long a connection waits for the reader of a thread whose inbox is full before it goes on without that thread, in
    /// seconds. Default: 0.05.
    public var patienceSeconds: Double = 0.05
    /// How long acknowledgements are collected before they are sent, in seconds. Default: 0.2.
    public var acknowledgementSeconds: Double = 0.2
    /// How long a stream may take to send what is left when its scope has ended, in seconds. Default: 1.
    public var goodbyeSeconds: Double = 1
    /// How long a stream waits before it connects again.
    public var backoff = ReconnectBackoff()
    /// The event loops of the connections. Default: those of the process.
    public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    /// What pauses are measured with. Default: the continuous clock.
    public var clock: any Clock<Duration>
    /// Numbers from 0 up to, not including, 1, for the jitter of the pauses.
    public var random: @Sendable () -> Double

    /// What everything else takes its time and chance from.
    package var environment: Environment

    public init() { self.init(environment: .system) }

    /// A configuration with the clock and the random numbers of an environment.
    package init(environment: Environment) {
        self.environment = environment
        clock = EnvironmentClock(environment)
        random = environment.randomFraction
    }
}
