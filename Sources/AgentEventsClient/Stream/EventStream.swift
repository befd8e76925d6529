public import AgentEvents
public import AgentEventsProtocol

/// One connection to a service, opened again whenever it ends, over which any number of threads are followed. Obtain
/// one with ``StreamClient/withStream(_:)``.
///
/// For a slow reader, an inbox holds events up to the limits of ``ClientConfiguration/inbox``. When it is full, the
/// connection waits for the reader for ``ClientConfiguration/fullInboxTimeout``, and then continues without the thread:
/// the client unsubscribes, and subscribes again after the last event in the inbox when half of the inbox has been
/// read. So a reader that has stopped delays the other threads once, for that moment, and loses nothing.
public final class EventStream: Sendable {
    let core: StreamCore

    init(core: StreamCore) { self.core = core }

    /// The present state of the stream.
    public var state: ClientState { core.states.latest }

    /// The state of the stream, and each change; a slow reader gets the latest only.
    public var states: ClientStates { ClientStates(states: core.states) }

    /// Follows a thread for the length of a scope.
    ///
    /// A thread has one reader at a time. It is unsubscribed from when the scope ends; what was acknowledged until then
    /// reaches the service before that, unless there is no connection just then.
    ///
    /// - Parameters:
    ///   - thread: it need not exist yet.
    ///   - start: where to begin. Default: after what the consumer has acknowledged; without a consumer, now.
    ///   - consumer: the name under which events are acknowledged.
    /// - Throws: what the scope throws; `client.already_following` when somebody follows the thread over this stream.
    public func withEvents<Result: Sendable>(
        of thread: ThreadID,
        from start: StartPosition? = nil,
        consumer: ConsumerName? = nil,
        _ body: (ThreadFollower) async throws -> Result
    ) async throws -> Result {
        // Without a consumer, no place to begin is stored.
        let (number, signal) = try core.follow(
            thread, from: start ?? (consumer == nil ? .now : nil), consumer: consumer)
        defer { core.unfollow(thread, number: number) }
        return try await body(ThreadFollower(thread: thread, core: core, number: number, signal: signal))
    }

    /// Handles the events of a thread one after the other, and acknowledges each when its handler has returned.
    ///
    /// It continues until the handler throws, the task is cancelled or the service refuses. Acknowledgements are sent
    /// together, after 100 events or ``ClientConfiguration/acknowledgementInterval``, and in the end. A consumer that
    /// comes back, in another process too, begins after the last event that the service knows to be acknowledged: each
    /// event is handled at least once, and more than once when the process or the connection ended in between.
    ///
    /// While a slow handler has its thread unsubscribed from (see ``EventStream``), acknowledgements wait until the
    /// thread is asked for again.
    ///
    /// - Parameters:
    ///   - thread: it need not exist yet.
    ///   - start: where to begin. Default: after what the consumer has acknowledged.
    ///   - consumer: the name under which events are acknowledged.
    /// - Throws: what the handler throws, whose event is not acknowledged then; `client.reset` when the history of the
    ///   thread is void (``AgentEventsClientError/resetReason``): begin again with `from: .start`;
    ///   ``AgentEventsClientError`` when the service refuses for good; `CancellationError`.
    public func consume(
        _ thread: ThreadID,
        from start: StartPosition? = nil,
        consumer: ConsumerName,
        _ handle: (StreamEvent) async throws -> Void
    ) async throws {
        try await withEvents(of: thread, from: start, consumer: consumer) { events in
            for try await element in events {
                switch element {
                case .event(let event):
                    try await handle(event)
                    try events.acknowledge(event.cursor)
                case .reset(let reason):
                    throw AgentEventsClientError(thread, reset: reason)
                case .live, .interrupted:
                    break
                }
            }
        }
    }
}
