/// A way to a service: over a WebSocket, or within one process.
///
/// A client opens one connection after the other with it, and several at a time.
public protocol StreamConnector: Sendable {
    /// Opens a connection for the length of a scope. When the scope ends the connection is closed, if it is not yet.
    ///
    /// - Throws: what the scope throws; ``AgentEventsClientError`` when no connection could be opened; `CancellationError` when
    ///   the task is cancelled meanwhile.
    func withConnection<Result: Sendable>(
        _ body: (StreamConnection) async throws -> Result
    ) async throws -> Result
}

/// A connector that shows a token when it opens a connection.
protocol TokenShowingConnector: StreamConnector {
    /// The same with another token.
    func showing(_ token: String) -> Self
}

/// An open connection of a ``StreamConnector``.
public protocol StreamLink: Sendable {
    /// The next message of the service, as the bytes of one JSON object; waits for it. One task at a time calls it.
    ///
    /// - Returns: `nil` only when the task is cancelled.
    /// - Throws: ``AgentEventsClientError`` that says how the connection ended, once every message is taken.
    func next() async throws -> [UInt8]?

    /// Sends a message, one JSON object; suspends while the service takes nothing.
    ///
    /// - Throws: ``AgentEventsClientError`` when the connection has ended.
    func send(_ message: [UInt8]) async throws(AgentEventsClientError)

    /// Says how long nothing may be heard before the connection ends with `client.silent`. A connection that cannot fall
    /// silent need not count.
    func limitSilence(to time: Duration)

    /// Says goodbye. An end of the connection before that is not of interest any longer.
    func close() async
}
