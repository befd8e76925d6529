package import AgentEvents
internal import AgentEventsProtocol

/// The settings of a feed.
package struct EmitConfiguration: Sendable {
    /// The user whose threads they are; `nil` for the token's user.
    package var user: UserID?
    /// The beginning of the requests' idempotency keys. Each feed has a prefix of its own, unless one feed continues
    /// another with the very same lines, each sent on its own.
    package var keyPrefix: String
    /// The largest number of events that are sent in one request, when that many are ready. Default: 100.
    package var maximumBatchCount = 100
    /// The number of bytes waiting to be sent at which no further input is taken. Default: 1 MiB.
    package var readAheadByteCount = 1024 * 1024
    /// The longest time that events wait without a service that takes them before the feed gives up. Default: 10
    /// minutes.
    package var giveUpTimeout: Duration = .seconds(600)
    /// Whether that time is also given to the first connection. Default: `false`, so that a wrong address is told at
    /// once.
    package var waitsForFirstConnection = false
    /// The time for which input is still taken after an interruption: an agent that was interrupted together with the
    /// feed has its last events to say. Default: 1 second.
    package var interruptedInputTimeout: Duration = .seconds(1)
    /// The time for which the feed stays without a connection after an interruption. Default: 5 seconds.
    package var interruptedTimeout: Duration = .seconds(5)
    package var backoff: ReconnectBackoff

    package init(keyPrefix: String) {
        self.keyPrefix = keyPrefix
        backoff = ReconnectBackoff()
        // A live agent waits.
        backoff.longestPause = .seconds(5)
    }
}

/// The limits of one request, as the service's welcome states them.
package struct EmitLimits: Hashable, Sendable {
    /// Default: 1000, as long as the service has not said otherwise.
    package var maximumBatchEvents = 1000
    /// Default: 1 MiB, as long as the service has not said otherwise.
    package var maximumMessageByteCount = 1024 * 1024

    package init() {}

    /// A limit that the welcome does not state stays at its default.
    init(_ limits: WelcomeLimits) {
        if let count = limits.maximumBatchEvents { maximumBatchEvents = count }
        if let count = limits.maximumMessageByteCount { maximumMessageByteCount = count }
    }
}
