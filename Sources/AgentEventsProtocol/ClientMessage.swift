package import AgentEvents

/// One message of a client on `/v1/stream`.
package struct ClientMessage: Hashable, Sendable {
    /// A request, or a sign of life.
    package enum Operation: Hashable, Sendable {
        case subscribe(SubscribeRequest)
        case unsubscribe(ThreadID)
        /// - Parameter cursor: everything up to there is acknowledged.
        case acknowledge(ThreadID, cursor: Cursor)
        case emit(EmitRequest)
        /// In a box, so that other messages stay small.
        indirect case command(CommandRequest)
        /// - Parameter token: takes the place of the token that the connection has.
        case refresh(token: String)
        /// Follows a list of threads; one at a time.
        indirect case watch(WatchRequest)
        case unwatch
        /// Offers to work for agents of the service.
        indirect case serve(ServeRequest)
        /// Takes on the run that the worker is offered.
        case take(LeaseID)
        /// - Parameter reason: for the service's log.
        case decline(LeaseID, reason: String?)
        /// The worker still works for its runs.
        case renew([LeaseID])
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
    /// The message as one JSON object, with its members in the order of the schema.
    ///
    /// - Throws: ``WireError`` with the path to the fault, for a draft that no event can come of.
    package func encoded() throws(WireError) -> [UInt8] {
        switch operation {
        case .subscribe(let request):
            return encode(.subscribe, request.members)
        case .unsubscribe(let thread):
            return encode(.unsubscribe, [("thread_id", thread.json)])
        case .acknowledge(let thread, let cursor):
            return encode(.ack, [("thread_id", thread.json), ("cursor", cursor.json)])
        case .emit(let request):
            return Self.encodedEmit(
                tag: tag, thread: request.thread, user: request.user, lease: request.lease, key: request.key?.rawValue,
                events: try request.encodedDrafts())
        case .command(let request):
            return encode(.command, [("thread_id", request.thread.json), ("key", request.key.json)] + request.members)
        case .refresh(let token):
            return encode(.refresh, [("token", .string(token))])
        case .watch(let request):
            return encode(.watch, request.members)
        case .unwatch:
            return encode(.unwatch, [])
        case .serve(let request):
            return encode(.serve, request.members)
        case .take(let lease):
            return encode(.take, [("lease", lease.json)])
        case .decline(let lease, let reason):
            return encode(.decline, [("lease", lease.json), ("reason", reason.map { .string($0) })])
        case .renew(let leases):
            return encode(.renew, [("leases", .array(leases.map(\.json)))])
        case .ping:
            return encode(.ping, [])
        case .pong:
            return encode(.pong, [])
        }
    }

    private func encode(_ name: OperationName, _ members: [(String, JSONValue?)]) -> [UInt8] {
        let head: [(String, JSONValue?)] = [("op", .string(name.rawValue)), ("req", tag?.json)]
        return JSONValue.object(JSONObject(present: head + members)).encoded()
    }

    /// An `emit` of events that are encoded already.
    ///
    /// - Parameter events: one JSON object each.
    package static func encodedEmit(
        tag: RequestTag?,
        thread: ThreadID,
        user: UserID?,
        lease: LeaseID? = nil,
        key: String?,
        events: some Collection<[UInt8]>
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: events.reduce(512) { $0 + $1.count + 1 })
        let head = JSONObject(present: [
            ("op", .string(OperationName.emit.rawValue)), ("req", tag?.json), ("thread_id", thread.json),
            ("user_id", user?.json), ("lease", lease?.json), ("key", key.map { .string($0) }), ("events", .array([])),
        ])
        writer.raw(Array(JSONValue.object(head).encoded().dropLast(2)))
        for (index, event) in events.enumerated() {
            if index > 0 { writer.byte(UInt8(ascii: ",")) }
            writer.raw(event)
        }
        writer.raw("]}")
        return writer.bytes
    }
}

extension JSONObject {
    /// The members that have a value.
    package init(present members: [(String, JSONValue?)]) {
        self.init(members.compactMap { member in member.1.map { (member.0, $0) } })
    }
}
