/// The events of one thread from a position on, committed, in order, each once; it continues as long as the runtime
/// runs.
///
/// The sequence holds no events: each iterator is a cursor over the log and reads the next page when it needs one, so a
/// slow reader delays nobody. It ends when the runtime stops, and throws `CancellationError` when its task is
/// cancelled, so that an end never passes for one that is not. With an end position it is finite, and ends there.
public struct ThreadEvents: AsyncSequence, Sendable {
    public typealias Element = AgentEvent

    let stored: StoredThreadEvents

    public func makeAsyncIterator() -> Iterator { Iterator(stored: stored.makeAsyncIterator()) }

    /// Reads page after page. Not for use by several tasks at once.
    public struct Iterator: AsyncIteratorProtocol {
        var stored: StoredThreadEvents.Iterator

        /// The next event; waits for it to be committed.
        ///
        /// - Returns: `nil` when the end that was asked for is reached, or the runtime has stopped and all events were
        ///   given.
        /// - Throws: ``AgentEventsError`` `cursor.trimmed` when events that were not given yet were trimmed,
        ///   ``EventLogError`` when the log cannot be read, ``WireError`` when an event in it cannot be decoded,
        ///   `CancellationError` when the task is cancelled.
        public mutating func next() async throws -> AgentEvent? {
            while let element = try await stored.next() {
                switch element {
                case .event(let event): return try EventDecoder.decode(event.bytes)
                case .live: continue
                }
            }
            return nil
        }
    }
}
