public import AgentEvents
internal import AgentEventsProtocol

/// Emits events over one connection, inside of ``StreamClient/withEmitter(_:)``. One request at a time.
public final class EventEmitter {
    private var exchange: RequestExchange

    init(_ connection: StreamConnection, _ configuration: ClientConfiguration) {
        exchange = RequestExchange(connection, configuration)
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
        let request = EmitRequest(thread: thread, user: user, key: key, drafts: events)
        return try await exchange.answer(to: .emit(request)) { message, tag in
            if case .emitted(tag, _, let cursors) = message { cursors } else { nil }
        }
    }
}
