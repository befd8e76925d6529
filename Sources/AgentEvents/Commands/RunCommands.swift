/// The commands of an application's own that users give to a run: events `custom` that say who gave them.
///
/// The sequence holds nothing: each iterator reads the log from the beginning of the run, so that every reader gets every
/// command, in order, however slow it is. It ends with the run, or when the runtime stops.
public struct RunCommands: AsyncSequence, Sendable {
    public typealias Element = CustomEvent

    let run: RunID
    /// Those that an earlier process was given are not given again.
    let earliestGeneration: UInt64
    let stored: StoredThreadEvents

    public func makeAsyncIterator() -> Iterator {
        Iterator(run: run, earliestGeneration: earliestGeneration, events: stored.makeAsyncIterator())
    }

    /// Reads page after page. Not for use by several tasks at once.
    public struct Iterator: AsyncIteratorProtocol {
        let run: RunID
        let earliestGeneration: UInt64
        var events: StoredThreadEvents.Iterator

        /// The next command; waits for it to be committed.
        ///
        /// - Returns: `nil` when the run has ended, or the runtime has stopped.
        /// - Throws: as ``ThreadEvents/Iterator/next()``.
        public mutating func next() async throws -> CustomEvent? {
            while let element = try await events.next() {
                guard case .event(let stored) = element else { continue }
                let event = try EventDecoder.decode(stored.bytes)
                guard event.runID == run else { continue }
                if case .custom(let command) = event.payload, command.by != nil,
                    event.id.generation >= earliestGeneration
                {
                    return command
                }
                if event.type?.endsRun == true { return nil }
            }
            return nil
        }
    }
}
