/// The events of one thread from a position on, committed, in order, each once; it goes on as long as the runtime runs.
///
/// The sequence holds no events: each iterator is a cursor over the log and reads the next page when it needs one, so a
/// slow reader delays nobody. It ends when the runtime stops, and throws `CancellationError` when its task is cancelled,
/// so that an end never passes for one that is not.
public struct ThreadEvents: AsyncSequence, Sendable {
    public typealias Element = AgentEvent

    let thread: ThreadID
    /// The sequence number of the event before the first one.
    let after: UInt64
    let log: any EventLog
    let watchers: ThreadWatchers

    public func makeAsyncIterator() -> Iterator {
        let signal = WakeSignal()
        // Registered before the first page is read, so that no commit falls between the two.
        watchers.add(signal, for: thread)
        return Iterator(thread: thread, after: after, log: log, signal: signal)
    }

    /// Reads page after page. Not for use by several tasks at once.
    public struct Iterator: AsyncIteratorProtocol {
        let thread: ThreadID
        var after: UInt64
        let log: any EventLog
        let signal: WakeSignal
        private var page: ArraySlice<StoredEvent> = []

        init(thread: ThreadID, after: UInt64, log: any EventLog, signal: WakeSignal) {
            self.thread = thread
            self.after = after
            self.log = log
            self.signal = signal
        }

        /// The next event; waits for it to be committed.
        ///
        /// - Returns: `nil` when the runtime has stopped and all events were given.
        /// - Throws: ``AgentEventsError`` `cursor.trimmed` when events that were not given yet were trimmed,
        ///   ``EventLogError`` when the log cannot be read, ``WireError`` when an event in it cannot be decoded,
        ///   `CancellationError` when the task is cancelled.
        public mutating func next() async throws -> AgentEvent? {
            var isLast = false
            while true {
                if let stored = page.popFirst() {
                    // Whoever reads slower than events are trimmed must not take the rest for all.
                    guard stored.id.sequence == after + 1 else { throw AgentEventsError.trimmed(thread) }
                    after = stored.id.sequence
                    return try EventDecoder.decode(stored.bytes)
                }
                page = try await log.read(LogRead(.thread(thread, after: after))).events[...]
                if !page.isEmpty { continue }
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
