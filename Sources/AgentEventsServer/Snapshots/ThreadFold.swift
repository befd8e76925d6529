import AgentEvents

/// A thread's state on its way to the end of the log.
struct ThreadFold: Sendable {
    private(set) var state = ThreadState()
    /// How many events were read since the state was stored.
    private(set) var unstoredCount = 0

    init() {}

    /// - Parameter stored: a state that was read from the store.
    init(stored: ThreadState) { state = stored }

    /// Takes in what the log has behind the state.
    mutating func advance(_ thread: ThreadID, in log: any EventLog) async throws(EventLogError) {
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: state.cursor?.sequence ?? 0)))
            if let first = page.events.first, let cursor = state.cursor, first.id.sequence != cursor.sequence + 1 {
                // The log no longer has what follows the state: it begins with what there is.
                state = ThreadState()
                unstoredCount = 0
            }
            for stored in page.events {
                do throws(WireError) {
                    state.apply(try EventDecoder.decode(stored.bytes))
                } catch {
                    throw EventLogError(.corrupt, "event \(stored.id) of thread \(thread) is unreadable", cause: error)
                }
            }
            unstoredCount += page.events.count
            if page.reachesEnd { return }
        }
    }

    mutating func wasStored() { unstoredCount = 0 }
}
