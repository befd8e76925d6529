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
    /// How long events may wait without a service that takes them before the feed gives up, in seconds. Default: 600.
    package var giveUpSeconds: Double = 600
    /// Whether that time is also given to the first connection. Default: `false`, so that a wrong address is told at once.
    package var waitsForFirstConnection = false
    /// How long input is still taken after an interruption, in seconds: an agent that was interrupted together with the
    /// feed has its last events to say. Default: 1.
    package var interruptedInputSeconds: Double = 1
    /// How long the feed stays without a connection after an interruption, in seconds. Default: 5.
    package var interruptedSeconds: Double = 5
    package var backoff: ReconnectBackoff

    package init(keyPrefix: String) {
        self.keyPrefix = keyPrefix
        backoff = ReconnectBackoff()
        // A live agent waits.
        backoff.longestSeconds = 5
    }
}
