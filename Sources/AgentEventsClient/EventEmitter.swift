public import AgentEvents
internal import AgentEventsProtocol

/// Emits events over one connection, inside of ``StreamClient/withEmitter(_:)``. One request at a time.
public final class EventEmitter {
    private let connection: StreamConnection
    private let configuration: ClientConfiguration
    private var messages: StreamMessages.Iterator
    private var lastRequest: Int64 = 0

    init(_ connection: StreamConnection, _ configuration: ClientConfiguration) {
        self.connection = connection
        self.configuration = configuration
        messages = connection.messages.makeAsyncIterator()
    }

    /// Emits events into a thread, all or none, and returns when they are committed.
    ///
    /// When the connection ends before the answer, it is not known whether the events were logged; the same request
    /// with the same key on another connection finds out, without logging them twice.
    ///
    /// - Parameters:
    ///   - events: the events to log, in this order.
    ///   - user: the user whose thread it is; `nil` for the token's user.
    ///   - key: the same key again within 24 hours answers with the same cursors and logs nothing; with other events it
    ///     is refused with `key.conflict`.
    /// - Returns: the events' cursors, in their order.
    /// - Throws: ``AgentEventsClientError``; when the service refused, with its ``AgentEventsClientError/refusal``.
    ///   `WireError` with the path to the fault for a draft that cannot be written; nothing was sent then.
    public func emit(
        _ events: [EventDraft],
        thread: ThreadID,
        user: UserID? = nil,
        key: IdempotencyKey? = nil
    ) async throws -> [Cursor] {
        lastRequest += 1
        let tag = RequestTag(number: lastRequest)
        let request = EmitRequest(thread: thread, user: user, key: key, drafts: events)
        try await connection.send(ClientMessage(tag: tag, .emit(request)))
        while let bytes = try await messages.next() {
            switch try ServerMessage(received: bytes) {
            case .emitted(tag, _, let cursors):
                return cursors
            // Without a tag the service could not tell which request it was; there is only this one.
            case .error(let error) where error.tag == nil || error.tag == tag:
                throw AgentEventsClientError(error)
            case .welcome(let welcome):
                if let heartbeat = welcome.heartbeatMilliseconds { limitSilence(heartbeat) }
            case .ping:
                try await connection.send(ClientMessage(.pong))
            case .event, .subscribed, .unsubscribed, .live, .reset, .snapshot, .snapshotPart, .emitted, .accepted,
                .drain,
                .pong, .error, .other:
                continue
            }
        }
        throw CancellationError()
    }

    private func limitSilence(_ heartbeatMilliseconds: Int64) {
        connection.limitSilence(
            to: Duration.milliseconds(heartbeatMilliseconds) * 2 + configuration.heartbeatTolerance)
    }
}
