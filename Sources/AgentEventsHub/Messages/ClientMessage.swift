package import AgentEvents

/// One message of a client on `/v1/stream`.
package struct ClientMessage: Hashable, Sendable {
    /// What the client asks for.
    package enum Operation: Hashable, Sendable {
        case subscribe(SubscribeRequest)
        case unsubscribe(ThreadID)
        /// - Parameter cursor: everything up to there is acknowledged.
        case acknowledge(ThreadID, cursor: Cursor)
        case emit(EmitRequest)
        case ping
        case pong
    }

    /// The client's mark, for the reply.
    package var tag: RequestTag?
    package var operation: Operation

    package init(tag: RequestTag? = nil, _ operation: Operation) {
        self.tag = tag
        self.operation = operation
    }
}

extension ClientMessage {
    /// Reads a message.
    ///
    /// Members that the op does not have are refused.
    ///
    /// - Parameter maximumBatchEvents: how many events an `emit` may have.
    /// - Throws: ``ProtocolError`` with the path to the fault, and with the request's tag where it could be read.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer,
        maximumBatchEvents: Int
    ) throws(ProtocolError) -> ClientMessage {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        return try decode(json, maximumBatchEvents: maximumBatchEvents)
    }

    /// Reads a message.
    package static func decode(_ bytes: [UInt8], maximumBatchEvents: Int) throws(ProtocolError) -> ClientMessage {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        return try decode(json, maximumBatchEvents: maximumBatchEvents)
    }

    private static func decode(_ json: JSONValue, maximumBatchEvents: Int) throws(ProtocolError) -> ClientMessage {
        guard let object = json.objectValue else {
            throw ProtocolError(.messageInvalid, "a message is a JSON object with the member op", path: "$")
        }
        let members = MessageMembers(object)
        let tag = try members.tag()
        do throws(ProtocolError) {
            let operation = try operation(members, maximumBatchEvents: maximumBatchEvents)
            return ClientMessage(tag: tag, operation)
        } catch {
            var error = error
            error.tag = tag
            throw error
        }
    }

    private static func operation(
        _ members: MessageMembers,
        maximumBatchEvents: Int
    ) throws(ProtocolError) -> Operation {
        let name = try members.text("op")
        guard let known = OperationName(rawValue: name) else {
            throw ProtocolError(
                .operationUnknown, "there is no op of that name; there are: \(OperationName.known)", path: "$.op")
        }
        if known.isSupported {
            do throws(ProtocolError) {
                try members.checkNames(of: name, known: known.members)
            } catch {
                var error = error
                error.thread = members.thread
                throw error
            }
        }
        switch known {
        case .subscribe:
            return .subscribe(try subscribe(members))
        case .unsubscribe:
            return .unsubscribe(try members.identifier("thread_id"))
        case .ack:
            return try acknowledge(members)
        case .emit:
            return .emit(try emit(members, maximumBatchEvents: maximumBatchEvents))
        case .ping:
            return .ping
        case .pong:
            return .pong
        case .auth, .command, .refresh:
            throw ProtocolError(
                .operationUnsupported,
                "this service does not do \(known.rawValue); it does: \(OperationName.supported)",
                path: "$.op"
            )
        }
    }

    private static func subscribe(_ members: MessageMembers) throws(ProtocolError) -> SubscribeRequest {
        var request = SubscribeRequest(thread: try members.identifier("thread_id"))
        do throws(ProtocolError) {
            request.consumer = try members.optionalIdentifier("consumer")
            request.merges = try members.optionalBool("merge") ?? true
            if try members.optionalBool("snapshot") ?? false { request.snapshot = .onReset }
            if members["after"] != nil {
                let after = try members.text("after")
                if after == "snapshot" {
                    request.snapshot = .atStart
                } else {
                    request.start = try StartPosition(text: after, path: "$.after")
                }
            }
            // With what comes next, the state is that of all before; elsewhere the events tell it, unless they are gone.
            let beginsNow = request.start == .now || request.start == nil && request.consumer == nil
            if request.snapshot == .onReset, beginsNow {
                request.start = nil
                request.snapshot = .atStart
            }
        } catch {
            var error = error
            error.thread = request.thread
            throw error
        }
        return request
    }

    private static func acknowledge(_ members: MessageMembers) throws(ProtocolError) -> Operation {
        let thread: ThreadID = try members.identifier("thread_id")
        guard let cursor = Cursor(try members.text("cursor")) else {
            throw ProtocolError(
                .cursorInvalid, "that is no cursor: a cursor is the id of an event, such as 3-42", path: "$.cursor",
                thread: thread)
        }
        return .acknowledge(thread, cursor: cursor)
    }

    private static func emit(
        _ members: MessageMembers,
        maximumBatchEvents: Int
    ) throws(ProtocolError) -> EmitRequest {
        let thread: ThreadID = try members.identifier("thread_id")
        do throws(ProtocolError) {
            let events = try members.array("events")
            return EmitRequest(
                thread: thread,
                user: try members.optionalIdentifier("user_id"),
                key: try members.optionalIdentifier("key"),
                drafts: try DraftBatch(maximumCount: maximumBatchEvents, root: .messageMember)
                    .decode(events, thread: thread)
            )
        } catch {
            var error = error
            error.thread = thread
            throw error
        }
    }
}
