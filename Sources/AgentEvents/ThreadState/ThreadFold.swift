/// A thread's state on its way to the end of the log.
package struct ThreadFold: Sendable {
    package private(set) var state = ThreadState()
    /// The number of events that were read since the state was stored.
    package private(set) var unstoredCount = 0
    /// Whether events of the thread may be missing in the state, because they were trimmed before it was made.
    package private(set) var lacksOldest = false
    /// The last event that the state stands for, or the last one that nothing is known of.
    package private(set) var position: UInt64 = 0

    package enum Progress {
        case reachedEnd
        /// Events that the fold has not seen were trimmed: it leads nowhere.
        case overtaken
    }

    /// - Parameter position: the fold begins after this event, and says nothing of those up to it; 0 for all events.
    package init(after position: UInt64 = 0) { self.position = position }

    /// - Parameter stored: a state that was read from the store.
    package init(stored: ThreadSnapshot) {
        state = stored.state
        position = stored.cursor.sequence
    }

    /// A fold after the newest stored state that is one of the thread's history, also when what it stands for was
    /// trimmed. Without one, what was trimmed is not known, and the fold begins with the oldest event.
    ///
    /// - Parameters:
    ///   - store: where states are stored; `nil` for nowhere.
    ///   - end: a stored state of a later event is not used.
    package init(
        loading thread: ThreadID,
        from log: any EventLog,
        _ store: (any StateStore)?,
        upTo end: UInt64 = .max
    ) async throws(EventLogError) {
        guard let record = try await log.thread(thread) else {
            self.init()
            return
        }
        if let store,
            let snapshot = try await ThreadSnapshot.newest(of: thread, record: record, upTo: end, in: log, store)
        {
            self.init(stored: snapshot)
        } else {
            self.init(after: record.oldest.sequence - 1)
        }
        lacksOldest = record.oldest.sequence > 1
    }

    /// Takes in the events that the log has after the state.
    ///
    /// - Parameter end: the last event that is taken in.
    package mutating func advance(
        _ thread: ThreadID,
        in log: any EventLog,
        upTo end: UInt64 = .max
    ) async throws(EventLogError) -> Progress {
        while position < end {
            var request = LogRead(.thread(thread, after: position))
            request.maximumCount = min(request.maximumCount, Int(clamping: end - position))
            let page = try await log.read(request)
            guard !page.skipsTrimmed else { return .overtaken }
            for stored in page.events {
                state.apply(try stored.decoded())
                position = stored.id.sequence
            }
            unstoredCount += page.events.count
            if page.reachesEnd { break }
        }
        return .reachedEnd
    }

    /// A state for which more events than this were read is stored.
    package static let eventsPerStoredState = 1000

    /// The state of a thread at the end of its log. It is stored when many events were read for it, so that the next one costs
    /// a bounded tail of the thread, however long the thread is.
    static func state(of thread: ThreadID, in log: any EventLog) async throws(EventLogError) -> ThreadState {
        let store = log as? any StateStore
        var fold = try await ThreadFold(loading: thread, from: log, store)
        // The retention has overtaken it; each time again takes another trim.
        while try await fold.advance(thread, in: log) == .overtaken {
            fold = try await ThreadFold(loading: thread, from: log, store)
        }
        if let store, fold.unstoredCount > eventsPerStoredState, let snapshot = ThreadSnapshot(fold.state) {
            // When that fails, nothing is lost but time.
            try? await store.save(snapshot.stored(for: thread, in: .latest))
        }
        return fold.state
    }

    package mutating func wasStored() { unstoredCount = 0 }
}
