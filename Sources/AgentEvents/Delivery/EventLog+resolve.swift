extension EventLog {
    /// Finds out where in a thread a start position is.
    package func resolve(
        _ start: StartPosition,
        in thread: ThreadID,
        record: ThreadRecord?
    ) async throws(EventLogError) -> ResolvedStart {
        try await start.resolve(in: record) { (sequence) async throws(EventLogError) in
            let page = try await read(LogRead(.thread(thread, after: sequence - 1), maximumCount: 1))
            return FoundEvent(id: page.events.first?.id, isTrimmed: page.skipsTrimmed)
        }
    }
}

extension StartPosition {
    /// Finds out where in a thread the position is.
    ///
    /// - Parameter find: looks the event with a sequence number up, one that the record says is kept.
    package func resolve(
        in record: ThreadRecord?,
        find: (_ sequence: UInt64) async throws(EventLogError) -> FoundEvent
    ) async throws(EventLogError) -> ResolvedStart {
        switch self {
        case .start:
            return .position(after: (record?.oldest.sequence ?? 1) - 1)
        case .now:
            return .position(after: record?.head.sequence ?? 0)
        case .after(let cursor):
            guard let record, cursor.sequence <= record.head.sequence else { return .unknown }
            // The numbers of a tail that a crash took are used again, with another generation: only the id tells.
            if cursor == record.head { return .position(after: cursor.sequence) }
            guard cursor.sequence >= record.oldest.sequence else { return .trimmed }
            let found = try await find(cursor.sequence)
            // Since the record was read.
            if found.isTrimmed { return .trimmed }
            guard found.id == cursor else { return .diverged }
            return .position(after: cursor.sequence)
        }
    }
}

/// What the log has in the place of a cursor.
package struct FoundEvent: Hashable, Sendable {
    package var id: EventID?
    /// Whether the event was trimmed.
    package var isTrimmed: Bool

    package init(id: EventID?, isTrimmed: Bool) {
        self.id = id
        self.isTrimmed = isTrimmed
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
