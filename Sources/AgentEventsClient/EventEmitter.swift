public import AgentEvents

/// Emits events over one connection, inside of ``AgentEventsClient/withEmitter(_:)``. One request at a time.
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
    /// When the connection ends before the answer, it is not known whether the events were logged; the same request with
    /// the same key on another connection finds out, without logging them twice.
    ///
    /// - Parameters:
    ///   - events: drafts as they stand on the wire, without `id`, `seq` and `time`.
    ///   - user: whose thread it is; `nil` for the token's user.
    ///   - key: the same key again within 24 hours answers with the same cursors and logs nothing; with other events it
    ///     is refused with `key.conflict`.
    /// - Returns: the events' cursors, in their order.
    /// - Throws: ``AgentEventsClientError``; when the service refused, with its ``AgentEventsClientError/refusal``.
    public func emit(
        _ events: [JSONValue],
        thread: ThreadID,
        user: UserID? = nil,
        key: IdempotencyKey? = nil
    ) async throws -> [Cursor] {
        lastRequest += 1
        let request = JSONValue.integer(lastRequest)
        var message: JSONObject = ["op": "emit", "req": request, "thread_id": .string(thread.rawValue)]
        message["user_id"] = user.map { .string($0.rawValue) }
        message["key"] = key.map { .string($0.rawValue) }
        message["events"] = .array(events)
        try await connection.send(.object(message))
        while let bytes = try await messages.next() {
            switch try StreamMessage(bytes) {
            case .emitted(request, let cursors):
                return cursors
            case .refused(request, let refusal):
                throw AgentEventsClientError(refusal)
            case .refused(nil, let refusal):
                // The service could not tell which request it was; there is only this one.
                throw AgentEventsClientError(refusal)
            case .welcome(let heartbeat):
                if let heartbeat { limitSilence(heartbeat) }
            case .ping:
                try await connection.send(StreamRequest.pong.message)
            case .event, .subscribed, .unsubscribed, .live, .reset, .emitted, .refused, .drain, .other:
                continue
            }
        }
        throw CancellationError()
    }

    private func limitSilence(_ heartbeatMilliseconds: Int64) {
        connection.limitSilence(
            toSeconds: 2 * Double(heartbeatMilliseconds) / 1000 + configuration.silenceSlackSeconds)
    }
}
