package import AgentEvents

extension ClientMessage {
    /// Reads a message.
    ///
    /// Members that the op does not have are refused: what a client means by them would be lost.
    ///
    /// - Parameter maximumBatchEvents: how many events an `emit` may have.
    /// - Throws: ``ProtocolError`` with the path to the fault, and with the request's tag where it could be read.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer,
        maximumBatchEvents: Int
    ) throws(ProtocolError) -> ClientMessage {
        if let emit = ClientMessage(plainEmit: bytes, maximumBatchEvents: maximumBatchEvents) { return emit }
        return try decodeTree(bytes, maximumBatchEvents: maximumBatchEvents)
    }

    /// Reads a message.
    package static func decode(_ bytes: [UInt8], maximumBatchEvents: Int) throws(ProtocolError) -> ClientMessage {
        try bytes.withUnsafeBufferPointer { bytes throws(ProtocolError) in
            try decode(UnsafeRawBufferPointer(bytes), maximumBatchEvents: maximumBatchEvents)
        }
    }

    /// - Returns: `nil` for what is to be read as a tree.
    init?(plainEmit bytes: UnsafeRawBufferPointer, maximumBatchEvents: Int) {
        guard let emit = PlainEmit(bytes, maximumBatchEvents: maximumBatchEvents) else { return nil }
        var tag: RequestTag?
        if let value = emit.tag {
            guard let read = RequestTag(value), read.byteCount <= RequestTag.maximumByteCount else { return nil }
            tag = read
        }
        let request = EmitRequest(
            thread: emit.thread, user: emit.user, lease: emit.lease, key: emit.key, drafts: emit.drafts)
        self.init(tag: tag, .emit(request))
    }

    /// The reading that has all rules, and the errors.
    package static func decodeTree(
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

    private static func decode(_ json: JSONValue, maximumBatchEvents: Int) throws(ProtocolError) -> ClientMessage {
        guard let object = json.objectValue else {
            throw ProtocolError(.messageInvalid, "a message is a JSON object with the member op", path: "$")
        }
        let tag = try tag(in: object)
        do throws(ProtocolError) {
            return ClientMessage(tag: tag, try operation(object, maximumBatchEvents: maximumBatchEvents))
        } catch {
            var error = error
            error.tag = tag
            throw error
        }
    }

    /// The member `req`, or `nil` when there is none.
    private static func tag(in object: JSONObject) throws(ProtocolError) -> RequestTag? {
        guard let value = object["req"] else { return nil }
        guard let tag = RequestTag(value) else {
            throw ProtocolError(.messageInvalid, "the member req is a string or a number", path: "$.req")
        }
        guard tag.byteCount <= RequestTag.maximumByteCount else {
            throw ProtocolError(
                .messageInvalid,
                "the member req has at most \(RequestTag.maximumByteCount) bytes, as it stands in JSON", path: "$.req")
        }
        return tag
    }

    private static func operation(
        _ object: JSONObject,
        maximumBatchEvents: Int
    ) throws(ProtocolError) -> Operation {
        var members = MemberReader(object, path: "$")
        let name: String
        do throws(WireError) {
            name = try members.word("op")
        } catch {
            throw ProtocolError(member: error)
        }
        guard let known = OperationName(rawValue: name) else {
            throw ProtocolError(
                .operationUnknown, "there is no op of that name; there are: \(OperationName.known)", path: "$.op")
        }
        guard known != .auth else {
            throw ProtocolError(
                .operationUnsupported,
                "this connection has its user already: auth is the first message of one whose upgrade had no token",
                path: "$.op")
        }
        guard known.isSupported else {
            throw ProtocolError(
                .operationUnsupported, "this service does not do \(name); it does: \(OperationName.supported)",
                path: "$.op")
        }
        do throws(ProtocolError) {
            try object.checkNames(of: name, known: known.members)
            return try operation(known, &members, maximumBatchEvents: maximumBatchEvents)
        } catch {
            var error = error
            error.threadID = object["thread_id"]?.stringValue.flatMap { try? ThreadID($0) }
            throw error
        }
    }

    private static func operation(
        _ name: OperationName,
        _ members: inout MemberReader,
        maximumBatchEvents: Int
    ) throws(ProtocolError) -> Operation {
        switch name {
        case .subscribe:
            return .subscribe(try SubscribeRequest(&members))
        case .unsubscribe:
            do throws(WireError) {
                return .unsubscribe(try members.threadID())
            } catch {
                throw ProtocolError(member: error)
            }
        case .ack:
            return try acknowledge(&members)
        case .emit:
            return .emit(try EmitRequest(&members, maximumBatchEvents: maximumBatchEvents))
        case .command:
            return .command(try CommandRequest(&members))
        case .refresh:
            do throws(WireError) {
                return .refresh(token: try members.word("token"))
            } catch {
                throw ProtocolError(member: error)
            }
        case .watch:
            return .watch(try WatchRequest(&members))
        case .unwatch:
            return .unwatch
        case .serve:
            return .serve(try ServeRequest(&members))
        case .take, .decline, .renew:
            do throws(WireError) {
                return try lease(name, &members)
            } catch {
                throw ProtocolError(member: error)
            }
        case .ping:
            return .ping
        case .pong:
            return .pong
        case .auth:
            preconditionFailure("\(name.rawValue) is not supported")
        }
    }

    private static func lease(
        _ name: OperationName,
        _ members: inout MemberReader
    ) throws(WireError) -> Operation {
        if name == .renew { return .renew(try members.leases("leases")) }
        let lease: LeaseID = try members.identifier("lease")
        guard name == .decline else { return .take(lease) }
        return .decline(lease, reason: try members.textIfPresent("reason"))
    }

    private static func acknowledge(_ members: inout MemberReader) throws(ProtocolError) -> Operation {
        let thread: ThreadID
        let text: String
        do throws(WireError) {
            thread = try members.threadID()
            text = try members.word("cursor")
        } catch {
            throw ProtocolError(member: error)
        }
        guard let cursor = Cursor(text) else {
            throw ProtocolError(
                .cursorInvalid, "that is no cursor: a cursor is the id of an event, such as 3-42", path: "$.cursor")
        }
        return .acknowledge(thread, cursor: cursor)
    }
}

extension JSONObject {
    /// Refuses members that the owner does not have: what a sender means by them would be lost.
    ///
    /// - Parameters:
    ///   - owner: the noun for what has the members: `subscribe`.
    ///   - known: the names of its members.
    ///   - elsewhere: where a value of a name that it does not have belongs, in words.
    /// - Throws: ``ProtocolError`` `event.unknown_field`, or `event.field_not_allowed` for a name of the last kind, with the
    ///   path.
    package func checkNames(
        of owner: String,
        known: [String],
        elsewhere: [String: String] = [:]
    ) throws(ProtocolError) {
        for name in keys where !known.contains(name) {
            let path = "$" + WireError.component(name)
            if let place = elsewhere[name] {
                throw ProtocolError(.wire(.fieldNotAllowed), "\(owner) has no member \(name): \(place)", path: path)
            }
            let problem = NearestName.problem(name, kind: "member", of: owner, known: known)
            throw ProtocolError(.wire(.unknownField), problem, path: path)
        }
    }
}
