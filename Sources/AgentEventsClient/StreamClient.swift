public import AgentEvents
public import AgentEventsProtocol
import NIOCore

/// Gets the token that a client shows: the newest one that there is. Called from any task, for each connection and before the
/// token of an open one ends; it may ask a server.
public typealias TokenProvider = @Sendable () async throws -> String

/// A client of a service's stream.
///
/// ```swift
/// let client = try StreamClient(url: StreamURL("ws://127.0.0.1:8080/v1/stream"))
/// try await client.withEvents(of: "t_7", from: .start) { events in
///     for try await element in events {
///         if case .event(let event) = element { print(try event.decoded().typeName) }
///     }
/// }
/// ```
public struct StreamClient: Sendable {
    /// The address of the service; `nil` for a client with a connector of its own.
    public let url: StreamURL?
    /// The token that the client shows as `Authorization: Bearer`; `nil` for a service without authentication.
    public let token: String?
    /// The settings of the client.
    public let configuration: ClientConfiguration
    private let connector: any StreamConnector
    /// Gets the tokens of a client whose tokens end; `nil` for one with a token that stays the same, or none.
    let tokenProvider: TokenProvider?

    /// A client of a service that is reached over a WebSocket.
    public init(
        url: StreamURL,
        token: String? = nil,
        configuration: ClientConfiguration = ClientConfiguration()
    ) {
        self.url = url
        self.token = token
        self.configuration = configuration
        tokenProvider = nil
        connector = WebSocketConnector(url: url, token: token, configuration: configuration)
    }

    /// A client whose tokens end: it gets a new one for each connection, and replaces that of an open one before its end, so that
    /// the connection stays.
    ///
    /// ```swift
    /// let client = StreamClient(url: url, tokenProvider: { try await session.freshToken() })
    /// ```
    ///
    /// A token is replaced at 80 % of its life, give or take a tenth, and at least 30 seconds before its end. When the service closes
    /// a connection because of its token (4401), a stream tries once more with a new one, and then ends with the service's code:
    /// `auth.revoked`.
    ///
    /// - Parameter tokenProvider: gets the newest token that there is. What it throws is tried again, as when there is no service.
    public init(
        url: StreamURL,
        tokenProvider: @escaping TokenProvider,
        configuration: ClientConfiguration = ClientConfiguration()
    ) {
        self.url = url
        token = nil
        self.configuration = configuration
        self.tokenProvider = tokenProvider
        connector = WebSocketConnector(url: url, token: nil, configuration: configuration)
    }

    /// A client of a service that is reached in another way.
    ///
    /// - Parameters:
    ///   - connector: opens the connections.
    ///   - tokenProvider: gets new tokens for connections that the connector has opened; `nil` when they do not end.
    ///   - configuration: a connector may ignore its settings of connecting and of event loops.
    public init(
        connector: any StreamConnector,
        tokenProvider: TokenProvider? = nil,
        configuration: ClientConfiguration = ClientConfiguration()
    ) {
        url = nil
        token = nil
        self.tokenProvider = tokenProvider
        self.configuration = configuration
        self.connector = connector
    }

    /// Whether it has a token to show, or something that gets one.
    var hasCredentials: Bool { token != nil || tokenProvider != nil }

    /// Opens one connection for the length of a scope.
    ///
    /// - Throws: what the scope throws, or ``AgentEventsClientError`` when the stream could not be opened.
    public func withConnection<Result: Sendable>(
        _ body: (StreamConnection) async throws -> Result
    ) async throws -> Result {
        guard let tokenProvider, let connector = connector as? any TokenShowingConnector else {
            return try await connector.withConnection(body)
        }
        let token: String
        do {
            token = try await tokenProvider()
        } catch {
            try Task.checkCancellation()
            throw AgentEventsClientError(
                .tokenUnavailable, "there is no token to open the connection with: \(error)", cause: error)
        }
        return try await connector.showing(token).withConnection(body)
    }

    /// Follows threads for the length of a scope, over one connection at a time, opened again as often as it takes.
    ///
    /// When the scope has ended, outstanding acknowledgements are sent, for at most
    /// ``ClientConfiguration/closeTimeout``.
    ///
    /// - Throws: what the scope throws. The scope begins without waiting for a connection; ``EventStream/states`` and
    ///   the sequences of events tell whether there is one.
    public func withStream<Result: Sendable>(
        _ body: (EventStream) async throws -> Result
    ) async throws -> Result {
        let core = StreamCore(configuration, hasTokenProvider: tokenProvider != nil)
        let pump = StreamPump(client: self, core: core)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pump.run() }
            let outcome: Swift.Result<Result, any Error>
            do {
                outcome = .success(try await body(EventStream(core: core)))
            } catch {
                outcome = .failure(error)
            }
            if core.close() {
                // The pump ends when it has said goodbye, or the limit is over.
                group.addTask { try await configuration.clock.sleep(for: configuration.closeTimeout) }
                _ = await group.nextResult()
            }
            group.cancelAll()
            return try outcome.get()
        }
    }

    /// Follows one thread for the length of a scope, over connections of its own.
    ///
    /// - Parameters:
    ///   - thread: it need not exist yet.
    ///   - start: where to begin. Default: after what the consumer has acknowledged; without a consumer, now.
    ///   - consumer: the name under which events are acknowledged.
    /// - Throws: what the scope throws.
    public func withEvents<Result: Sendable>(
        of thread: ThreadID,
        from start: StartPosition? = nil,
        consumer: ConsumerName? = nil,
        _ body: (ThreadFollower) async throws -> Result
    ) async throws -> Result {
        try await withStream { try await $0.withEvents(of: thread, from: start, consumer: consumer, body) }
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
    ///   - events: the events to log, in this order.
    ///   - user: the user whose thread it is; `nil` for the token's user.
    ///   - key: the same key again within 24 hours answers with the same cursors and logs nothing; with other events it
    ///     is refused with `key.conflict`.
    /// - Returns: the events' cursors, in their order.
    /// - Throws: ``AgentEventsClientError``; when the service refused, with its ``AgentEventsClientError/refusal``.
    ///   `WireError` with the path to the fault for a draft that cannot be written.
    public func emit(
        _ events: [EventDraft],
        thread: ThreadID,
        user: UserID? = nil,
        key: IdempotencyKey? = nil
    ) async throws -> [Cursor] {
        try await withEmitter { try await $0.emit(events, thread: thread, user: user, key: key) }
    }
}
