package import AgentEvents

/// The first message of a connection. A client makes do with what it finds in it.
package struct Welcome: Hashable, Sendable {
    /// The connection, as the service's logs name it.
    package var connection: ConnectionID?
    /// The token's user; `nil` when no token is needed.
    package var user: UserID?
    /// The time between two pings of the service, in milliseconds.
    package var heartbeatMilliseconds: Int64?
    package var limits: WelcomeLimits
    /// When the token expires; `nil` when it does not.
    package var expiresAt: Timestamp?

    package init(
        connection: ConnectionID? = nil,
        user: UserID? = nil,
        heartbeatMilliseconds: Int64? = nil,
        limits: WelcomeLimits = WelcomeLimits(),
        expiresAt: Timestamp? = nil
    ) {
        self.connection = connection
        self.user = user
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.limits = limits
        self.expiresAt = expiresAt
    }
}

extension Welcome {
    init(_ members: JSONObject) {
        self.init(
            connection: members["connection_id"]?.stringValue.flatMap { try? ConnectionID($0) },
            user: members["user_id"]?.stringValue.flatMap { try? UserID($0) },
            heartbeatMilliseconds: members["heartbeat_ms"]?.integerValue,
            limits: WelcomeLimits(members["limits"]?.objectValue ?? [:]),
            expiresAt: members["expires_at"]?.stringValue.flatMap { Timestamp(rfc3339: $0) })
    }

    /// The message, with its members in the order of the protocol. One for each connection, so without values in between.
    func encoded() -> [UInt8] {
        var writer = JSONWriter(capacity: 384)
        writer.raw(#"{"op":"welcome""#)
        if let connection { writer.member(#","connection_id":"#, connection) }
        if let user { writer.member(#","user_id":"#, user) }
        if let heartbeatMilliseconds {
            writer.raw(#","heartbeat_ms":"#)
            writer.integer(heartbeatMilliseconds)
        }
        writer.raw(#","limits":{"#)
        limits.write(into: &writer)
        writer.raw("}")
        if let expiresAt {
            writer.raw(#","expires_at":""#)
            expiresAt.write(into: &writer)
            writer.raw("\"")
        }
        writer.raw("}")
        return writer.finish()
    }
}

extension JSONWriter {
    /// - Parameter name: up to the value.
    fileprivate mutating func member(_ name: StaticString, _ identifier: some Identifier) {
        raw(name)
        string(identifier.rawValue)
    }
}

/// The limits of a connection; `nil` where the service states none.
package struct WelcomeLimits: Hashable, Sendable {
    package var maximumMessageByteCount: Int?
    package var maximumEventByteCount: Int?
    package var maximumBatchEvents: Int?
    package var maximumSubscriptions: Int?
    /// The longest text of one message, encoded.
    package var maximumTextByteCount: Int?
    /// The longest identifier.
    package var maximumIdentifierByteCount: Int?
    /// The deepest nesting of arrays and objects.
    package var maximumDepth: Int?

    /// Says nothing.
    package init() {}

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
}

extension WelcomeLimits {
    /// The limits by their names on the wire.
    private static let names: [(name: String, limit: any WritableKeyPath<WelcomeLimits, Int?> & Sendable)] = [
        ("max_message_bytes", \.maximumMessageByteCount),
        ("max_event_bytes", \.maximumEventByteCount),
        ("max_batch_events", \.maximumBatchEvents),
        ("max_subscriptions", \.maximumSubscriptions),
        ("max_text_bytes", \.maximumTextByteCount),
        ("max_id_bytes", \.maximumIdentifierByteCount),
        ("max_depth", \.maximumDepth),
    ]

    /// Reads the limits; a member that is not a number from 1 counts as absent.
    init(_ members: JSONObject) {
        for (name, limit) in Self.names {
            guard let number = members[name]?.integerValue, number > 0 else { continue }
            self[keyPath: limit] = Int(clamping: number)
        }
    }

    /// Appends the members.
    fileprivate func write(into writer: inout JSONWriter) {
        var isFirst = true
        func write(_ name: StaticString, _ limit: Int?) {
            guard let limit else { return }
            writer.raw(isFirst ? "\"" : ",\"")
            isFirst = false
            writer.raw(name)
            writer.raw("\":")
            writer.integer(Int64(limit))
        }
        write("max_message_bytes", maximumMessageByteCount)
        write("max_event_bytes", maximumEventByteCount)
        write("max_batch_events", maximumBatchEvents)
        write("max_subscriptions", maximumSubscriptions)
        write("max_text_bytes", maximumTextByteCount)
        write("max_id_bytes", maximumIdentifierByteCount)
        write("max_depth", maximumDepth)
    }
}

/// One connection to the service, as logs and `welcome` name it.
package struct ConnectionID: Identifier {
    package static var kind: String { "connection id" }
    package let text: IdentifierText
    package init(text: IdentifierText) { self.text = text }
}
