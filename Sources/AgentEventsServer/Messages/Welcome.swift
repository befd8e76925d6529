package import AgentEvents

/// What a connection is told first.
package struct Welcome: Hashable, Sendable {
    package var connection: ConnectionID
    /// The token's user; `nil` when no token is needed.
    package var user: UserID?
    /// How often the service pings.
    package var heartbeatMilliseconds: Int64
    package var limits: WelcomeLimits
    /// When the token expires; `nil` when it does not.
    package var expiresAt: Timestamp?

    package init(
        connection: ConnectionID,
        user: UserID? = nil,
        heartbeatMilliseconds: Int64,
        limits: WelcomeLimits,
        expiresAt: Timestamp? = nil
    ) {
        self.connection = connection
        self.user = user
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.limits = limits
        self.expiresAt = expiresAt
    }
}

/// What the service accepts from a connection.
package struct WelcomeLimits: Hashable, Sendable {
    package var maximumMessageByteCount: Int
    package var maximumEventByteCount: Int
    package var maximumBatchEvents: Int
    package var maximumSubscriptions: Int

    package init(
        maximumMessageByteCount: Int,
        maximumEventByteCount: Int,
        maximumBatchEvents: Int,
        maximumSubscriptions: Int
    ) {
        self.maximumMessageByteCount = maximumMessageByteCount
        self.maximumEventByteCount = maximumEventByteCount
        self.maximumBatchEvents = maximumBatchEvents
        self.maximumSubscriptions = maximumSubscriptions
    }

    var json: JSONValue {
        [
            "max_message_bytes": .integer(maximumMessageByteCount),
            "max_event_bytes": .integer(maximumEventByteCount),
            "max_batch_events": .integer(maximumBatchEvents),
            "max_subscriptions": .integer(maximumSubscriptions),
        ]
    }
}
