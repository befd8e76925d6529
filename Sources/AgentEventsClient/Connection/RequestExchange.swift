internal import AgentEventsProtocol

/// Requests over one connection, one at a time: sends each and waits for its answer. What else comes is of no interest.
struct RequestExchange {
    private let connection: StreamConnection
    private let heartbeatTolerance: Duration
    private var messages: StreamMessages.Iterator
    private var lastRequest: Int64 = 0

    init(_ connection: StreamConnection, _ configuration: ClientConfiguration) {
        self.connection = connection
        heartbeatTolerance = configuration.heartbeatTolerance
        messages = connection.messages.makeAsyncIterator()
    }

    /// - Parameter read: takes the answer out of the message that has it; `nil` for another one.
    /// - Throws: ``AgentEventsClientError`` when the service refused or the connection has ended, `CancellationError` when it was
    ///   closed here, `WireError` for a request that cannot be written.
    mutating func answer<Answer>(
        to operation: ClientMessage.Operation,
        _ read: (ServerMessage, RequestTag) -> Answer?
    ) async throws -> Answer {
        lastRequest += 1
        let tag = RequestTag(number: lastRequest)
        try await connection.send(ClientMessage(tag: tag, operation))
        while let bytes = try await messages.next() {
            let message = try ServerMessage(received: bytes)
            if let answer = read(message, tag) { return answer }
            switch message {
            // Without a tag the service could not tell which request it was; there is only this one.
            case .error(let error) where error.tag == nil || error.tag == tag:
                throw AgentEventsClientError(error)
            case .welcome(let welcome):
                guard let heartbeat = welcome.heartbeatMilliseconds else { continue }
                connection.limitSilence(to: Duration.milliseconds(heartbeat) * 2 + heartbeatTolerance)
            case .ping:
                try await connection.send(ClientMessage(.pong))
            case .event, .subscribed, .unsubscribed, .live, .reset, .snapshot, .snapshotPart, .emitted, .accepted,
                .refreshed, .expiring, .drain, .pong, .error, .membersChanged, .watching, .threads, .unwatched,
                .serving, .run, .renewed, .cancel, .other:
                continue
            }
        }
        throw CancellationError()
    }
}
