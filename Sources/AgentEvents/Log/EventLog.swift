/// A store of a runtime's events: append-only, with a dense sequence per thread.
///
/// A runtime has one log and is its only writer. It calls ``open()`` once and first. ``append(_:)`` is called by one
/// task, one commit after the other; the reading methods are called from any task, at any time, and must not wait for
/// an append. Everything a log gives out was committed before at its configured durability (I1), in the bytes it was
/// given (I8).
///
/// Every log passes the conformance suite in `AgentEventsTesting`.
public protocol EventLog: Sendable {
    /// The executor on which ``append(_:)`` and ``open()`` are called, for a log whose work blocks its thread;
    /// `nil` for any.
    var executor: (any TaskExecutor)? { get }

    /// Opens the log for writing and starts a new generation, durably.
    ///
    /// The generation only rises in one log, and no two histories share one: not a new log and the one whose place it
    /// takes, nor a restored backup and the log that it was made of. Otherwise a reader of the one would be given
    /// events of the other as if they followed its own. ``GenerationSource`` makes such a generation from the last one.
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

    /// The record of a thread.
    ///
    /// - Returns: `nil` when the thread has no event.
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord?

    /// The records of several threads, in their order; `nil` for one that has no event. Each is as ``thread(_:)`` gives it, at some
    /// moment of the call. Default: asks for one after the other.
    func threads(_ threads: [ThreadID]) async throws(EventLogError) -> [ThreadRecord?]

    /// Those of some runs that have begun in a thread, as far as the events with which they began can be read. A run
    /// begins with its first event, `agent_queued` or `agent_started` (``EventType/beginsRun``), and is open from there to
    /// its end; the `agent_started` of one that was queued begins nothing.
    ///
    /// A context asks before it accepts the first event of a run whose id it was given, and before it refuses an event of a
    /// run that is not open: it carries the ids of no runs but the open ones. What it costs does not grow with the runs
    /// that the thread had, or only with their logarithm.
    ///
    /// - Parameter runs: a few; those that one request names.
    /// - Returns: those of them that have begun, whether they have ended or not. A run whose first event was trimmed is not
    ///   among them; its id may be used again.
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID>

    /// The request with an idempotency key that was logged in a thread in the last 24 hours: the ids of its events, and
    /// the digest that came with the key, if one did.
    ///
    /// - Returns: `nil` when the key is not known.
    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest?
}

extension EventLog {
    public var executor: (any TaskExecutor)? { nil }

    public func threads(_ threads: [ThreadID]) async throws(EventLogError) -> [ThreadRecord?] {
        var records: [ThreadRecord?] = []
        records.reserveCapacity(threads.count)
        for thread in threads { records.append(try await self.thread(thread)) }
        return records
    }
}
