package import AgentEvents

/// A message of the service, as far as a client looks into it.
package enum StreamMessage: Hashable, Sendable {
    case event(StreamEvent)
    case welcome(heartbeatMilliseconds: Int64?)
    case subscribed(thread: ThreadID, after: Cursor?)
    case unsubscribed(thread: ThreadID)
    case live(thread: ThreadID, cursor: Cursor?)
    case reset(thread: ThreadID, ResetReason, oldest: Cursor?)
    case emitted(request: JSONValue?, cursors: [Cursor])
    case refused(request: JSONValue?, Refusal)
    case ping
    case drain(reconnectMilliseconds: Int64)
    /// Any other message, by its `op`; this version has no use for it.
    case other(String)

    /// - Throws: ``AgentEventsClientError`` `client.protocol` when the bytes are no message.
    package init(_ bytes: [UInt8]) throws(AgentEventsClientError) {
        let value: JSONValue
        do throws(WireError) {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw AgentEventsClientError(
                .protocolViolation, "the service sent what is not JSON: \(error.message)", cause: error)
        }
        if value["type"]?.stringValue != nil {
            self = .event(try StreamEvent(value, bytes: bytes))
        } else if let operation = value["op"]?.stringValue {
            self = try Self.operation(operation, value)
        } else {
            throw AgentEventsClientError(.protocolViolation, "the service sent a message without type and op")
        }
    }

    private static func operation(
        _ name: String,
        _ value: JSONValue
    ) throws(AgentEventsClientError) -> StreamMessage {
        switch name {
        case "welcome":
            return .welcome(heartbeatMilliseconds: value["heartbeat_ms"]?.integerValue)
        case "subscribed":
            return .subscribed(thread: try thread(value), after: try cursor("after", value))
        case "unsubscribed":
            return .unsubscribed(thread: try thread(value))
        case "ping":
            return .ping
        case "live":
            return .live(thread: try thread(value), cursor: try cursor("cursor", value))
        case "reset":
            let reason = ResetReason(rawValue: try text("reason", value))
            return .reset(thread: try thread(value), reason, oldest: try cursor("oldest", value))
        case "emitted":
            guard let elements = value["cursors"]?.arrayValue else { throw malformed("cursors", value) }
            var cursors: [Cursor] = []
            for element in elements {
                guard let cursor = element.stringValue.flatMap({ Cursor($0) }) else {
                    throw malformed("cursors", value)
                }
                cursors.append(cursor)
            }
            return .emitted(request: value["req"], cursors: cursors)
        case "error":
            guard let refusal = Refusal(value) else { throw malformed("code", value) }
            return .refused(request: value["req"], refusal)
        case "drain":
            return .drain(reconnectMilliseconds: value["reconnect_in_ms"]?.integerValue ?? 0)
        default:
            return .other(name)
        }
    }

    private static func text(_ key: String, _ value: JSONValue) throws(AgentEventsClientError) -> String {
        guard let text = value[key]?.stringValue else { throw malformed(key, value) }
        return text
    }

    private static func thread(_ value: JSONValue) throws(AgentEventsClientError) -> ThreadID {
        guard let thread = try? ThreadID(try text("thread_id", value)) else { throw malformed("thread_id", value) }
        return thread
    }

    private static func cursor(_ key: String, _ value: JSONValue) throws(AgentEventsClientError) -> Cursor? {
        switch value[key] {
        case nil, .null?: return nil
        case .string(let text)?:
            guard let cursor = Cursor(text) else { throw malformed(key, value) }
            return cursor
        case .bool?, .number?, .unpairedString?, .array?, .object?: throw malformed(key, value)
        }
    }

    private static func malformed(_ key: String, _ value: JSONValue) -> AgentEventsClientError {
        let name = value["op"]?.stringValue ?? "message"
        return AgentEventsClientError(.protocolViolation, "the service sent \(name) with a malformed \(key)")
    }
}
