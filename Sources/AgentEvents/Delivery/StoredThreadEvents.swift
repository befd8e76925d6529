/// The events of one thread from a position on, in the very bytes that the log holds, and the place at which the reader
/// has caught up. For bridges to other transports: nothing is decoded, and nothing is encoded again (I8).
///
/// As ``ThreadEvents``, it holds no events: each iterator is a cursor over the log. It ends when the runtime stops, or
/// at the end that was asked for.
public struct StoredThreadEvents: AsyncSequence, Sendable {
    @nonexhaustive
    public enum Element: Hashable, Sendable {
        /// An event, in the bytes in which it was committed.
        case event(StoredEvent)
        /// The reader has caught up: everything that was committed is given, and what follows is new. Given once, and
        /// not in a reading that has an end. The cursor is the thread's last event; `nil` while there is none.
        case live(Cursor?)
    }

    let thread: ThreadID
    /// The sequence number of the event before the first one.
    let after: UInt64
    /// The id of that event, as far as it is known.
    let cursor: Cursor?
    /// The sequence number of the last event; `nil` for no end.
    let end: UInt64?
    let log: any EventLog
    let watchers: ThreadWatchers

    public func makeAsyncIterator() -> Iterator {
        let signal = WakeSignal()
        // Registered before the first page is read, so that no commit falls between the two.
        if end == nil { watchers.add(signal, for: thread) }
        return Iterator(events: self, signal: signal)
    }

    /// Reads page after page. Not for use by several tasks at once.
    public struct Iterator: AsyncIteratorProtocol {
        private let events: StoredThreadEvents
        private let signal: WakeSignal
        private var after: UInt64
        private var cursor: Cursor?
        private var page: ArraySlice<StoredEvent> = []
        private var pageReachesEnd = false
        private var isLive = false

        init(events: StoredThreadEvents, signal: WakeSignal) {
            self.events = events
            self.signal = signal
            after = events.after
            cursor = events.cursor
        }

        /// The next event, or the marker; waits for an event to be committed.
        ///
        /// - Returns: `nil` when the end that was asked for is reached, or the runtime has stopped and all events were
        ///   given.
        /// - Throws: ``AgentEventsError`` `cursor.trimmed` when events that were not given yet were trimmed,
        ///   ``EventLogError`` when the log cannot be read, `CancellationError` when the task is cancelled.
        public mutating func next() async throws -> Element? {
            var isLast = false
            while true {
                if let end = events.end, after >= end { return nil }
                if let stored = page.popFirst() {
                    // A reader that is slower than the trimming must not take the rest for everything.
                    guard stored.id.sequence == after + 1 else { throw AgentEventsError.trimmed(events.thread) }
                    after = stored.id.sequence
                    cursor = stored.id
                    return .event(stored)
                }
                if pageReachesEnd, !isLive, events.end == nil {
                    isLive = true
                    return .live(cursor)
                }
                let read = try await events.log.read(LogRead(.thread(events.thread, after: after)))
                page = read.events[...]
                pageReachesEnd = read.reachesEnd
                if !page.isEmpty { continue }
                // A log whose last page did not say that it was the last one.
                pageReachesEnd = true
                if !isLive, events.end == nil { continue }
                if events.end != nil {
                    // What the reading was to end with is gone.
                    throw AgentEventsError.trimmed(events.thread)
                }
                if isLast { return nil }
                if await !signal.wait() {
                    try Task.checkCancellation()
                    // What was committed just before the end is read too.
                    isLast = true
                }
            }
        }
    }
}

/// The place in a thread's log at which a reading ends.
@nonexhaustive
public enum EndPosition: Hashable, Sendable {
    /// With the last event that is committed when the reading is asked for.
    case now
}
