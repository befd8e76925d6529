public import AgentEvents
internal import NIOCore

/// A client of a service's stream.
///
/// ```swift
/// let client = try AgentEventsClient(url: StreamURL("ws://127.0.0.1:8080/v1/stream"))
/// try await client.withEvents(of: "t_7", from: .start) { events in
///     for try await element in events {
///         if case .event(let event) = element { print(try event.decoded().typeName) }
///     }
/// }
/// ```
public struct AgentEventsClient: Sendable {
    /// Where the service is.
    public let url: StreamURL
    /// What the client shows the service as `Authorization: Bearer`; `nil` for a service without authentication.
    public let token: String?
    /// How the client connects.
    public let configuration: ClientConfiguration

    public init(
        url: StreamURL,
        token: String? = nil,
        configuration: ClientConfiguration = ClientConfiguration()
    ) {
        self.url = url
        self.token = token
        self.configuration = configuration
    }

    /// Opens one connection for the length of a scope.
    ///
    /// - Throws: what the scope throws, or ``AgentEventsClientError`` when the stream could not be opened.
    public func withConnection<Result: Sendable>(
        _ body: (StreamConnection) async throws -> Result
    ) async throws -> Result {
        let channel = try await StreamConnector(url: url, token: token, configuration: configuration).open()
        return try await channel.executeThenClose { inbound, outbound in
            let connection = StreamConnection(inbound: inbound, outbound: outbound, channel: channel.channel)
            let result = try await body(connection)
            await connection.close()
            return result
        }
    }

    /// Follows a thread for the length of a scope, over as many connections as it takes.
    ///
    /// - Parameters:
    ///   - thread: it need not exist yet.
    ///   - start: where to begin.
    /// - Throws: what the scope throws.
    public func withEvents<Result: Sendable>(
        of thread: ThreadID,
        from start: StartPosition = .now,
        _ body: (ThreadFollower) async throws -> Result
    ) async throws -> Result {
        let handover = Handover<FollowedElement>()
        let pump = FollowerPump(client: self, thread: thread, start: start, handover: handover)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pump.run() }
            defer { group.cancelAll() }
            return try await body(ThreadFollower(handover: handover))
        }
    }

    /// Opens a connection for emitting events for the length of a scope.
    public func withEmitter<Result: Sendable>(
        _ body: (EventEmitter) async throws -> Result
    ) async throws -> Result {
        try await withConnection { connection in try await body(EventEmitter(connection, configuration)) }
    }

    /// Emits events into a thread, all or none, and returns when they are committed.
    ///
    /// - Parameters:
    ///   - events: drafts as they stand on the wire, without `id`, `seq` and `time`.
    ///   - user: whose thread it is; `nil` for the token's user.
    ///   - key: the same key again within 24 hours answers with the same cursors and logs nothing.
    /// - Returns: the events' cursors, in their order.
    /// - Throws: ``AgentEventsClientError``; when the service refused, with its ``AgentEventsClientError/refusal``.
    public func emit(
        _ events: [JSONValue],
        thread: ThreadID,
        user: UserID? = nil,
        key: IdempotencyKey? = nil
    ) async throws -> [Cursor] {
        try await withEmitter { try await $0.emit(events, thread: thread, user: user, key: key) }
    }
}
