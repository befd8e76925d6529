/// The limits on what a log keeps. A runtime trims its log by it in the background; without limits, everything is kept.
///
/// Trimming takes the oldest events of a thread away, and never:
/// - an event of a run that has not ended, or one that follows its start in the thread;
/// - the thread itself: its user, its last id and its numbering stay, so the next event has the next sequence;
/// - what a request with an idempotency key is answered within its 24 hours.
///
/// Limits are met after the fact and roughly: a log frees its room in units of its own, so age and bytes may be exceeded
/// by about an eighth (``TrimmableLog``), and everything by what comes in between two sweeps. An id of a run whose start
/// was trimmed may be used again.
public struct RetentionPolicy: Hashable, Sendable {
    /// Events older than this are trimmed; above zero. `nil`: age does not count. Default: `nil`.
    public var maximumAge: Duration?
    /// The number of a thread's newest events that are kept; at least 1. `nil`: their number does not count. Default: `nil`.
    public var maximumEventsPerThread: Int?
    /// When the events of all threads take more bytes in the log, the oldest are trimmed; above zero. `nil`: size does not
    /// count. Default: `nil`.
    public var maximumByteCount: Int64?

    public init(maximumAge: Duration? = nil, maximumEventsPerThread: Int? = nil, maximumByteCount: Int64? = nil) {
        precondition(maximumAge.map { $0 > .zero } ?? true, "an age above zero")
        precondition(maximumEventsPerThread.map { $0 > 0 } ?? true, "at least one event")
        precondition(maximumByteCount.map { $0 > 0 } ?? true, "a number of bytes above zero")
        self.maximumAge = maximumAge
        self.maximumEventsPerThread = maximumEventsPerThread
        self.maximumByteCount = maximumByteCount
    }

    /// Whether nothing is ever trimmed.
    package var keepsEverything: Bool {
        maximumAge == nil && maximumEventsPerThread == nil && maximumByteCount == nil
    }

    /// Events of this time or earlier are too old; `nil` when age does not count.
    package func oldestAllowed(at now: Timestamp) -> Timestamp? {
        maximumAge.map { Timestamp(milliseconds: now.milliseconds - max(1, Int64(clamping: $0.wholeMilliseconds))) }
    }
}

extension Duration {
    /// Rounded down.
    package var wholeMilliseconds: Int128 { attoseconds / 1_000_000_000_000_000 }
}
