import AgentEvents

/// A thread's state on its way to the end of the log.
struct ThreadFold: Sendable {
    private(set) var state = ThreadState()
    /// How many events were read since the state was stored.
    private(set) var unstoredCount = 0
    /// The last event that the state stands for, or the last one that nothing is known of.
    private var position: UInt64 = 0

    enum Progress {
        case reachedEnd
        /// Events that the fold has not seen were trimmed: it leads nowhere.
        case overtaken
    }

    /// - Parameter position: the fold begins behind this event, and says nothing of those up to it; 0 for all events.
    init(after position: UInt64 = 0) { self.position = position }

    /// - Parameter stored: a state that was read from the store.
    init(stored: ThreadSnapshot) {
        state = stored.state
        position = stored.cursor.sequence
    }

    /// Takes in what the log has behind the state.
    mutating func advance(_ thread: ThreadID, in log: any EventLog) async throws(EventLogError) -> Progress {
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: position)))
            guard !page.skipsTrimmed else { return .overtaken }
            for stored in page.events {
                do throws(WireError) {
                    state.apply(try EventDecoder.decode(stored.bytes))
                } catch {
                    throw EventLogError(.corrupt, "event \(stored.id) of thread \(thread) is unreadable", cause: error)
                }
                position = stored.id.sequence
            }
            unstoredCount += page.events.count
            if page.reachesEnd { return .reachedEnd }
        }
    }

    mutating func wasStored() { unstoredCount = 0 }
}
