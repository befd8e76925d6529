public import AgentEvents
internal import AgentEventsProtocol

/// A run that a worker works for, by a lease of the service.
///
/// Emissions count as long as the lease does; after that it is refused with `lease.lost`, and the task is cancelled.
public struct WorkerTask: Sendable {
    /// The thread of the run.
    public let thread: ThreadID
    /// The run.
    public let run: RunID
    /// The agent that the run is of.
    public let agent: AgentName
    /// The user that the thread belongs to.
    public let user: UserID
    /// The text that the user wrote.
    public let text: String
    /// Further data of the message; `nil` for none.
    public let data: JSONValue?
    /// The message that the run answers.
    public let message: MessageID
    /// The user who wrote it.
    public let author: UserID
    /// The number of this attempt, from 1.
    public let attempt: Int
    /// Whether another attempt has begun the run: continue it by what the thread has of it.
    public let isResumed: Bool
    /// The last event of the thread when the run was offered; `nil` for none. Answers to requests for approval, pauses and
    /// messages come after it: follow the thread from here (``StreamClient/withEvents(of:from:consumer:_:)``).
    public let after: Cursor?

    private let core: WorkerCore
    private let job: WorkerJob

    init(_ job: WorkerJob, _ core: WorkerCore) {
        let run = job.run
        thread = run.thread
        self.run = run.run
        agent = run.agent
        user = run.user
        text = run.prompt.text
        data = run.prompt.data
        message = run.prompt.message
        author = run.prompt.author
        attempt = run.attempt
        isResumed = run.isResumed
        after = run.after
        self.job = job
        self.core = core
    }

    /// Emits events of the run, all or none, and returns when they are committed. When the connection breaks meanwhile they are sent
    /// again over the next one, and logged once.
    ///
    /// - Returns: the events' cursors, in their order.
    /// - Throws: ``AgentEventsClientError``, when the service refused with its ``AgentEventsClientError/refusal``; `WireError` for a
    ///   draft that cannot be written; `CancellationError` when the run is over.
    @discardableResult
    public func emit(_ events: [EventDraft]) async throws -> [Cursor] { try await core.emit(events, of: job) }

    /// Emits one event of the run.
    @discardableResult
    public func emit(_ payload: EventPayload) async throws -> [Cursor] {
        try await emit([EventDraft(runID: run, payload)])
    }

    /// Says something, as one message.
    public func say(_ text: String) async throws {
        let message = MessageID(text: core.identifiers.text(prefix: "m"))
        try await emit([
            EventDraft(runID: run, .messageDelta(MessageDelta(messageID: message, text: text))),
            EventDraft(runID: run, .messageCompleted(MessageCompleted(messageID: message, text: text))),
        ])
    }
}
