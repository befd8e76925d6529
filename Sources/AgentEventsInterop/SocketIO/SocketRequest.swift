package import AgentEvents
package import AgentEventsProtocol

/// An event of a client of Socket.IO as an op of this service's own protocol: its name is that of the op, or of a command,
/// and its argument has the members.
package enum SocketRequest {
    /// - Parameters:
    ///   - arguments: the name, and one object; nothing further.
    ///   - id: of the acknowledgement that is asked for; `nil` for none.
    ///   - thread: that of the namespace; `nil` in the namespace of all.
    /// - Throws: ``ProtocolError`` for what no op can be made of.
    package static func message(
        _ arguments: [JSONValue],
        id: UInt64?,
        hasAttachments: Bool,
        thread: ThreadID?
    ) throws(ProtocolError) -> [UInt8] {
        guard !hasAttachments else {
            throw ProtocolError(.messageInvalid, "there are no binary values in the messages of this service")
        }
        guard let name = arguments.first?.stringValue, arguments.count <= 2,
            let members = arguments.count == 1 ? [:] : arguments[1].objectValue
        else {
            throw ProtocolError(.messageInvalid, "an event has a name, and one object with its members", path: "$")
        }
        guard members["op"] == nil, members["req"] == nil else {
            throw ProtocolError(
                .messageInvalid, "the name of the event is the op; an acknowledgement is its mark", path: "$")
        }
        var result: [(String, JSONValue)] = []
        if let operation = try operation(name, inThread: thread != nil) {
            result.append(("op", .string(operation.rawValue)))
        } else {
            guard members["name"] == nil else {
                throw ProtocolError(.messageInvalid, "the command \(name) is named by its event", path: "$.name")
            }
            result += [("op", .string(OperationName.command.rawValue)), ("name", .string(name))]
        }
        if let id { result.append(("req", .integer(id))) }
        if let thread, result[0].1 != .string(OperationName.refresh.rawValue) {
            if let named = members["thread_id"], named != .string(thread.rawValue) {
                throw ProtocolError(
                    .messageInvalid, "this namespace is that of the thread \(thread)", path: "$.thread_id")
            }
            result.append(("thread_id", .string(thread.rawValue)))
        }
        for member in members where thread == nil || member.key != "thread_id" {
            result.append((member.key, member.value))
        }
        return JSONValue.object(JSONObject(result)).encoded()
    }

    /// - Returns: `nil` for the name of a command.
    private static func operation(_ name: String, inThread: Bool) throws(ProtocolError) -> OperationName? {
        if CommandWord(rawValue: name) != nil { return nil }
        let operation: OperationName? =
            switch name {
            case "join": .subscribe
            case "leave": .unsubscribe
            default: OperationName(rawValue: name)
            }
        switch operation {
        case .ack, .emit, .command, .refresh: return operation
        case .subscribe, .unsubscribe, .watch, .unwatch:
            guard !inThread else { break }
            return operation
        // Workers speak the protocol of the service itself.
        case .auth, .serve, .take, .decline, .renew, .ping, .pong, nil: break
        }
        throw ProtocolError(
            .operationUnknown,
            "there is no event of that name here; there are: command, message, stop, pause, resume, answer, start, "
                + "revoke, emit, ack and refresh, and in the namespace / also join, leave, watch and unwatch")
    }
}
