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
            guard let record, cursor.sequence <= record.head.sequence else { return .unknown }
            // The numbers of a tail that a crash took are used again, with another generation: only the id tells.
            if cursor == record.head { return .position(after: cursor.sequence) }
            guard cursor.sequence >= record.oldest.sequence else { return .trimmed }
            let page = try await read(LogRead(.thread(thread, after: cursor.sequence - 1), maximumCount: 1))
            // Trimmed since the record was read.
            if page.skipsTrimmed { return .trimmed }
            guard page.events.first?.id == cursor else { return .diverged }
            return .position(after: cursor.sequence)
        }
    }
}

/// Where in a thread's log a reader begins, looked up.
package enum ResolvedStart: Hashable, Sendable {
    /// With the event after this sequence number.
    case position(after: UInt64)
    /// The log has another event in the cursor's place: it lost events that the reader has seen.
    case diverged
    /// The cursor's event is older than what the log keeps; whether it ever was one of the thread, nobody can tell.
    case trimmed
    /// The cursor is beyond the head, or the thread has no event.
    case unknown
}
