/// Where a runtime's events are kept: append-only, with a dense sequence per thread.
///
/// A runtime has one log and is its only writer. It calls ``open()`` once and first. ``append(_:)`` is called by one task,
/// one commit after the other; the reading methods are called from any task, at any time, and must not wait for an append.
/// Everything a log gives out was committed before at its configured durability (I1), in the bytes it was given (I8).
///
/// Every log passes the conformance suite in `AgentEventsTesting`.
public protocol EventLog: Sendable {
    /// The executor on which ``append(_:)`` and ``open()`` are called, for a log whose work blocks its thread;
    /// `nil` for any.
    var executor: (any TaskExecutor)? { get }

    /// Opens the log for writing and starts a new generation, durably.
    ///
    /// - Returns: the generation, and the threads in which a run was open when the last writer stopped.
    /// - Throws: ``EventLogError``, among others `log.locked` when another writer has the log.
    func open() async throws(EventLogError) -> LogOpening

    /// Commits events of any number of threads, all or none, and returns when they are durable.
    ///
    /// Within a thread the events follow the last committed one without a gap. After an error the log holds either all
    /// events of the commit or none, nobody was shown any of them, and no further append is made until the log is
    /// opened again.
    func append(_ commit: LogCommit) async throws(EventLogError)

    /// Reads committed events, in order.
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage

    /// What the log knows of a thread.
    ///
    /// - Returns: `nil` when the thread has no event.
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord?

    /// The events that were logged under an idempotency key of a thread in the last 24 hours.
    ///
    /// - Returns: `nil` when the key is not known.
    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> [EventID]?
}

extension EventLog {
    public var executor: (any TaskExecutor)? { nil }
}
