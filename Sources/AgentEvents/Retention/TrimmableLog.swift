/// A log that can remove its oldest events.
///
/// One task of the runtime calls both methods in turn: ``expired(_:)`` names a part of what is due, the runtime stores
/// the state of its threads (``ThreadSnapshot``), ``trim(_:)`` removes it; this repeats until the last step, and again
/// after the interval of sweeps. Both run while the log appends and is read. A call costs a bounded amount of work and does not
/// delay an append for longer than a lock is held.
///
/// Effects of trimming on the rest of a log:
/// - ``EventLog/thread(_:)`` names the new oldest event; the head stays (``ThreadRecord/oldest``).
/// - A thread is read from its oldest event on, if an earlier position is asked for, and the page says so
///   (``LogPage/skipsTrimmed``). A read that is under way gives what it would have given before or after, never an error.
/// - All threads are read in the order of commits as before; trimmed events are among them as long as the log has not
///   freed their room. Where it has, the next page says so.
/// - ``EventLog/recall(_:in:)`` still knows the keys of trimmed events.
///
/// Every such log passes `TrimmableLogConformance` in `AgentEventsTesting`.
public protocol TrimmableLog: EventLog {
    /// Names a part of what a policy does not keep; changes nothing that a reader sees. Where an earlier answer was not
    /// trimmed, its threads are named again, in this sweep or the next.
    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep

    /// Removes the oldest events of threads, and returns when that is as durable as a commit.
    ///
    /// It removes the events before ``ThreadTrim/firstKept``, but none after the start of a run without an end, nor that
    /// start. A trim to a place before the oldest event changes nothing, one to a place after the head is one to the
    /// place just after it, and one of a thread without events is ignored. Calls may follow each other in any order.
    ///
    /// - Throws: ``EventLogError``; then none or some of the threads are trimmed, each wholly or not at all.
    func trim(_ trims: [ThreadTrim]) async throws(EventLogError)
}

/// A request for the events that a policy does not keep.
public struct RetentionQuery: Sendable {
    public var policy: RetentionPolicy
    /// The wall-clock time from which ages count.
    public var now: Timestamp
    /// No more threads than this in one answer; at least 1.
    public var maximumThreadCount: Int

    public init(policy: RetentionPolicy, now: Timestamp, maximumThreadCount: Int = 1000) {
        precondition(maximumThreadCount > 0, "an answer has room for one thread at least")
        self.policy = policy
        self.now = now
        self.maximumThreadCount = maximumThreadCount
    }
}

/// A part of the events that a policy does not keep.
public struct RetentionStep: Hashable, Sendable {
    /// The trims that are due now; each thread at most once. May be empty before the last step.
    public var trims: [ThreadTrim]
    /// Whether nothing more is due at present, once these are trimmed.
    public var isLast: Bool

    public init(trims: [ThreadTrim], isLast: Bool) {
        self.trims = trims
        self.isLast = isLast
    }
}

/// The place up to which a thread is trimmed.
public struct ThreadTrim: Hashable, Sendable {
    public var thread: ThreadID
    /// The sequence of the first event that stays; one after the thread's head when none does.
    public var firstKept: UInt64

    public init(thread: ThreadID, firstKept: UInt64) {
        self.thread = thread
        self.firstKept = firstKept
    }
}
