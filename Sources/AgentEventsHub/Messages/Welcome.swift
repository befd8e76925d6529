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
    /// The longest text of one message, encoded.
    package var maximumTextByteCount: Int
    /// The longest identifier.
    package var maximumIdentifierByteCount: Int
    /// The deepest nesting of arrays and objects.
    package var maximumDepth: Int

    package init(
        maximumMessageByteCount: Int,
        maximumEventByteCount: Int,
        maximumBatchEvents: Int,
        maximumSubscriptions: Int,
        maximumTextByteCount: Int,
        maximumIdentifierByteCount: Int = IdentifierText.maximumByteCount,
        maximumDepth: Int = JSONValue.maximumDepth
    ) {
        self.maximumMessageByteCount = maximumMessageByteCount
        self.maximumEventByteCount = maximumEventByteCount
        self.maximumBatchEvents = maximumBatchEvents
        self.maximumSubscriptions = maximumSubscriptions
        self.maximumTextByteCount = maximumTextByteCount
        self.maximumIdentifierByteCount = maximumIdentifierByteCount
        self.maximumDepth = maximumDepth
    }

    var json: JSONValue {
        [
            "max_message_bytes": .integer(maximumMessageByteCount),
            "max_event_bytes": .integer(maximumEventByteCount),
            "max_batch_events": .integer(maximumBatchEvents),
            "max_subscriptions": .integer(maximumSubscriptions),
            "max_text_bytes": .integer(maximumTextByteCount),
            "max_id_bytes": .integer(maximumIdentifierByteCount),
            "max_depth": .integer(maximumDepth),
        ]
    }
}
