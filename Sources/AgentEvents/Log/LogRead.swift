/// A request for committed events.
public struct LogRead: Sendable {
    /// The events to read, and their order.
    @nonexhaustive
    public enum Selection: Hashable, Sendable {
        /// The events of one thread with a sequence above `after` (0 for all), in order, as far as they were not
        /// trimmed.
        case thread(ThreadID, after: UInt64)
        /// The events of all threads after a log offset (0 for all), in the order of their commits. An offset is one
        /// that ``LogPage/nextOffset`` of the same log gave. It stands for one event for good: when a crash takes the
        /// last events, what is committed later is at higher offsets than they were, so that a sink that had them is
        /// given all of it.
        case all(afterOffset: UInt64)
    }

    public var selection: Selection
    /// The largest number of events; at least 1.
    public var maximumCount: Int
    /// The number of bytes at which no further event is given; the first event is given whatever its size.
    public var maximumByteCount: Int

    public init(_ selection: Selection, maximumCount: Int = 1000, maximumByteCount: Int = 256 * 1024) {
        precondition(maximumCount > 0, "a page has room for one event at least")
        self.selection = selection
        self.maximumCount = maximumCount
        self.maximumByteCount = maximumByteCount
    }
}

/// A page of committed events.
public struct LogPage: Sendable {
    /// The events, in order.
    public var events: [StoredEvent]
    /// Whether nothing followed the page's last event when it was read.
    public var reachesEnd: Bool
    /// For a page of all threads: the offset after its last event. For a page of one thread: 0.
    public var nextOffset: UInt64
    /// Whether events between the position asked for and the page's first event, or between two of its events when it
    /// is of all threads, were trimmed and are no longer available.
    public var skipsTrimmed = false

    public init(events: [StoredEvent], reachesEnd: Bool, nextOffset: UInt64 = 0) {
        self.events = events
        self.reachesEnd = reachesEnd
        self.nextOffset = nextOffset
    }
}

/// One committed event: its place and its bytes.
public struct StoredEvent: Hashable, Sendable {
    public var thread: ThreadID
    public var id: EventID
    /// One JSON object in UTF-8, exactly as it was appended.
    public var bytes: [UInt8]

    public init(thread: ThreadID, id: EventID, bytes: [UInt8]) {
        self.thread = thread
        self.id = id
        self.bytes = bytes
    }
}

extension StoredEvent {
    /// - Throws: `log.corrupt` for bytes that are no event: they were one when they were appended.
    package func decoded() throws(EventLogError) -> AgentEvent {
        do throws(WireError) {
            return try EventDecoder.decode(bytes)
        } catch {
            throw EventLogError(.corrupt, "event \(id) of thread \(thread) is unreadable", cause: error)
        }
    }
}
