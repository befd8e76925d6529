/// One group commit: events of any number of threads, in the order in which they were accepted.
public struct LogCommit: Sendable {
    /// The events. Those of one thread rise by one.
    public var entries: [LogEntry]
    /// The idempotency keys that become known with this commit.
    public var keys: [KeyedEvents]
    /// The wall-clock time of the commit, from which the 24 hours of a key count.
    public var time: Timestamp

    public init(entries: [LogEntry], keys: [KeyedEvents] = [], time: Timestamp) {
        self.entries = entries
        self.keys = keys
        self.time = time
    }
}

/// One accepted event, as a log keeps it.
public struct LogEntry: Sendable {
    /// The thread, and the user it belongs to.
    public var owner: ThreadOwner
    /// The event's id.
    public var id: EventID
    /// The event's type.
    public var type: EventType
    /// Of the first event of a run: who hosts the run. It is no part of the bytes.
    public var host: RunHost
    /// The run it belongs to, or `nil`.
    public var run: RunID?
    /// The event as it goes to everyone: one JSON object in UTF-8, without line breaks.
    public var bytes: [UInt8]

    public init(
        owner: ThreadOwner,
        id: EventID,
        type: EventType,
        run: RunID?,
        host: RunHost = .process,
        bytes: [UInt8]
    ) {
        self.owner = owner
        self.id = id
        self.type = type
        self.host = host
        self.run = run
        self.bytes = bytes
    }
}

/// A thread and the user that first opened it. A reference, so that an entry carries both at the cost of one word.
public final class ThreadOwner: Sendable {
    public let thread: ThreadID
    public let user: UserID

    public init(thread: ThreadID, user: UserID) {
        self.thread = thread
        self.user = user
    }
}

/// The events that a request with an idempotency key logged.
public struct KeyedEvents: Sendable {
    public var key: IdempotencyKey
    public var thread: ThreadID
    /// At least one, rising, all of the commit and of its generation. They rise by one, except where events in between
    /// closed what one of them ended: `agent_failed` may be 4 where the event before it in the request is 2.
    public var ids: [EventID]
    /// Stands for what the request means; kept with the key, and given back by ``EventLog/recall(_:in:)``.
    public var digest: RequestDigest?

    public init(key: IdempotencyKey, thread: ThreadID, ids: [EventID], digest: RequestDigest? = nil) {
        self.key = key
        self.thread = thread
        self.ids = ids
        self.digest = digest
    }
}
