package import AgentEvents
package import AgentEventsProtocol

/// A subscription as others may know of it: what was sent, and what is acknowledged (I10).
package struct Subscriber: Hashable, Sendable {
    /// The state of the subscription.
    package enum State: String, Hashable, Sendable, CaseIterable {
        /// Its place in the log is being looked up.
        case opening
        /// It catches up, and reads the log.
        case replaying
        /// It gets each event as it is committed.
        case live
    }

    package var connection: ConnectionID
    package var user: UserID
    package var consumer: ConsumerName?
    package var state: State
    /// The last event sent, or the cursor that the subscription began with; `nil` for none.
    package var sent: Cursor?
    /// Everything up to there is acknowledged; `nil` for nothing.
    package var acknowledged: Cursor?

    package init(
        connection: ConnectionID,
        user: UserID,
        consumer: ConsumerName? = nil,
        state: State,
        sent: Cursor? = nil,
        acknowledged: Cursor? = nil
    ) {
        self.connection = connection
        self.user = user
        self.consumer = consumer
        self.state = state
        self.sent = sent
        self.acknowledged = acknowledged
    }

    /// The subscriber as it stands in the answer of `GET /v1/threads/{t}/subscribers`.
    package var json: JSONValue {
        [
            "connection_id": connection.json,
            "user_id": user.json,
            "consumer": consumer.map { $0.json } ?? .null,
            "state": .string(state.rawValue),
            "sent": sent.json,
            "acknowledged": acknowledged.json,
        ]
    }
}
