package import AgentEvents
package import AgentEventsProtocol

/// What a stream asks of the service.
package enum StreamRequest: Hashable, Sendable {
    /// - Parameter from: `nil` behind what the consumer has acknowledged.
    case subscribe(request: Int64, ThreadID, from: StartPosition?, consumer: ConsumerName?)
    case unsubscribe(request: Int64, ThreadID)
    case acknowledge(request: Int64, ThreadID, Cursor)
    case pong

    package var message: JSONValue {
        switch self {
        case .subscribe(let request, let thread, let start, let consumer):
            var message = Self.members("subscribe", request, thread)
            switch start {
            case nil: break
            case .start?: message["after"] = "start"
            case .now?: message["after"] = "now"
            case .after(let cursor)?: message["after"] = .string(cursor.description)
            }
            message["consumer"] = consumer.map { .string($0.rawValue) }
            // The bytes of the log, also while this reader is behind.
            message["merge"] = false
            return .object(message)
        case .unsubscribe(let request, let thread):
            return .object(Self.members("unsubscribe", request, thread))
        case .acknowledge(let request, let thread, let cursor):
            var message = Self.members("ack", request, thread)
            message["cursor"] = .string(cursor.description)
            return .object(message)
        case .pong:
            return ["op": "pong"]
        }
    }

    private static func members(_ name: String, _ request: Int64, _ thread: ThreadID) -> JSONObject {
        ["op": .string(name), "req": .integer(request), "thread_id": .string(thread.rawValue)]
    }
}
