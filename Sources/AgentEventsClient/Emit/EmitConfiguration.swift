package import AgentEvents

/// How a feed emits.
package struct EmitConfiguration: Sendable {
    /// Whose threads they are; `nil` for the token's user.
    package var user: UserID?
    /// The idempotency keys of the requests begin with it. Another one for each feed, unless one feed continues another
    /// with the very same lines, each sent on its own.
    package var keyPrefix: String
    /// How many events that are there already are sent in one request at most. Default: 100.
    package var maximumBatchCount = 100
    /// From how many bytes that wait to be sent nothing further is taken. Default: 1 MiB.
    package var readAheadByteCount = 1024 * 1024
    /// The longest time that events wait without a service that takes them before the feed gives up. Default: 10 minutes.
    package var giveUpTimeout: Duration = .seconds(600)
    /// Whether that time is also given to the first connection. Default: `false`, so that a wrong address is told at once.
    package var waitsForFirstConnection = false
    /// The time for which input is still taken after an interruption: an agent that was interrupted together with the feed
    /// has its last events to say. Default: 1 second.
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
