extension EventLog {
    /// Finds out where in a thread a start position is.
    package func resolve(
        _ start: StartPosition,
        in thread: ThreadID,
        record: ThreadRecord?
    ) async throws(EventLogError) -> ResolvedStart {
        switch start {
        case .start:
            return .position(after: (record?.oldest.sequence ?? 1) - 1)
        case .now:
            return .position(after: record?.head.sequence ?? 0)
        case .after(let cursor):
            guard let record, cursor.sequence <= record.head.sequence else { return .diverged }
            // The numbers of a tail that a crash took are used again, with another generation: only the id tells.
            if cursor == record.head { return .position(after: cursor.sequence) }
            if cursor.sequence < record.oldest.sequence {
                // The event itself is gone; what follows it may be there.
                let isNext = cursor.sequence + 1 == record.oldest.sequence
                if isNext, cursor.generation <= record.oldest.generation { return .position(after: cursor.sequence) }
                return .trimmed
            }
            let page = try await read(LogRead(.thread(thread, after: cursor.sequence - 1), maximumCount: 1))
            guard page.events.first?.id == cursor else { return .diverged }
            return .position(after: cursor.sequence)
        }
    }
}

/// Where in a thread's log a reader begins, looked up.
package enum ResolvedStart: Hashable, Sendable {
    /// With the event after this sequence number.
    case position(after: UInt64)
    /// The cursor names an event that is not in the log.
    case diverged
    /// Events behind the cursor are older than what the log keeps.
    case trimmed
}
