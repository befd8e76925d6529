/// The state of a thread after some of its events: the messages with the text they have so far, the runs, the open
/// calls and requests for approval, and the thread's shared state.
///
/// A pure fold: `ThreadState(folding:)` over events 1 to n is the same as over 1 to k, and ``apply(_:)`` for k+1 to n,
/// for any k, also when the state was written as ``json`` and read again in between, and also when fragments came
/// merged (``AgentEvent/fromSequence``). Snapshots rest on that.
///
/// The state is bounded, however long the thread: of what has ended, only the newest is kept, and the rest is counted
/// (``limits``, ``dropped``). What is open is always kept.
public struct ThreadState: Hashable, Sendable {
    /// The limits on what is kept of what has ended.
    public internal(set) var limits: Limits
    /// The id of the last event applied; `nil` before the first one.
    public internal(set) var cursor: Cursor?
    /// The messages, of agents and of users, in the order in which they were opened.
    public internal(set) var messages: [Message] = []
    /// The runs: first those that have ended, in the order of their ends, then the open ones, queued ones among them, in
    /// the order of their first events.
    public internal(set) var runs: [Run] = []
    /// The runs that are queued, in the order in which they were: the position of a run is its place here.
    public internal(set) var queue: [QueuedRun] = []
    /// The open calls, in the order of their starts.
    public internal(set) var calls: [Call] = []
    /// The open requests for approval, in their order.
    public internal(set) var approvals: [Approval] = []
    /// The requests for approval that were answered or have lapsed last, at most ``Limits/resolvedApprovalCount``, in the
    /// order of their ends.
    public internal(set) var resolvedApprovals: [ResolvedApproval] = []
    /// The thread's shared state, the entry that changed last at the end.
    public internal(set) var entries: [Entry] = []
    /// The counts of what has been dropped.
    public internal(set) var dropped = Dropped()

    var completeMessages = Usage()
    var endedRuns = Usage()
    var allEntries = Usage()

    /// The state of a thread without events.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// One that an earlier version has stored keeps the entries that this version keeps, from now on.
    mutating func raiseLimits() {
        if limits.entryCount == 256 { limits.entryCount = Limits().entryCount }
        if limits.entryByteCount == 256 * 1024 { limits.entryByteCount = Limits().entryByteCount }
    }

    /// The open runs, in the order of their first events.
    public var openRuns: ArraySlice<Run> { runs[endedRuns.count...] }

    /// A JSON value as the state keeps it; `nil` when it is nested too deep for it.
    static func kept(_ value: JSONValue) -> JSONValue? {
        // In one expression with the value, `nil` would be JSON's null.
        guard !value.isNested(deeperThan: Limits.valueDepth) else { return nil }
        return value
    }
}

extension ThreadState {
    /// The limits on what a state keeps of what has ended. What is open is always kept, and so is the newest of each
    /// kind.
    ///
    /// The limits are part of the state, so that one that was stored continues with the limits it began with.
    public struct Limits: Hashable, Sendable {
        /// The most complete messages; at least 1. The oldest goes first.
        public var messageCount = 200
        /// The most bytes of the texts and data of complete messages, together.
        public var messageByteCount = 512 * 1024
        /// The most runs that have ended; at least 1. The one that ended first goes first.
        public var runCount = 100
        /// The most bytes of the results, errors and usages of ended runs, together.
        public var runByteCount = 256 * 1024
        /// The most entries of the shared state; at least 1. Removed ones go first, then the one that changed longest
        /// ago.
        public var entryCount = 1024
        /// The most bytes of the entries' keys and values, together. The values of a context (``ContextLimits``) fit in, with room
        /// for what only the service writes.
        public var entryByteCount = 1152 * 1024
        /// The most bytes of the text of a run's current thought, of which the end is kept.
        public var thoughtByteCount = 16 * 1024

        /// The most requests for approval that are not open any longer: 64.
        public static var resolvedApprovalCount: Int { 64 }

        /// The deepest nesting of JSON in a state; a value nested deeper (up to 62 levels) is left out. An event has
        /// room for 62 levels, and a message with a state in it must not be nested deeper than 64 levels in all.
        public static var valueDepth: Int { 56 }

        /// The limits as they stand above.
        public init() {}
    }

    /// The counts of what was dropped because of the ``Limits``.
    public struct Dropped: Hashable, Sendable {
        /// Complete messages.
        public internal(set) var messages = 0
        /// Ended runs.
        public internal(set) var runs = 0
        /// Entries of the shared state.
        public internal(set) var entries = 0
    }

    /// The number of things of one kind, and of the bytes that their contents take.
    struct Usage: Hashable, Sendable {
        private(set) var count = 0
        private(set) var byteCount = 0

        mutating func add(_ bytes: Int) {
            count += 1
            byteCount += bytes
        }

        mutating func subtract(_ bytes: Int) {
            count -= 1
            byteCount -= bytes
        }

        /// Whether an entry has to be dropped. The last one stays, however large it is.
        func exceeds(count maximumCount: Int, byteCount maximumByteCount: Int) -> Bool {
            count > 1 && (count > maximumCount || byteCount > maximumByteCount)
        }
    }
}
