extension EventLog {
    /// Finds out where in a thread a start position is.
    package func resolve(
        _ start: StartPosition,
        in thread: ThreadID,
        record: ThreadRecord?
    ) async throws(EventLogError) -> ResolvedStart {
        switch start.lookUp(in: record) {
        case .resolved(let resolved):
            return resolved
        case .compare(let cursor):
            let page = try await read(LogRead(.thread(thread, after: cursor.sequence - 1), maximumCount: 1))
            return ResolvedStart(
                cursor, found: FoundEvent(id: page.events.first?.id, isTrimmed: page.skipsTrimmed))
        }
    }
}

extension StartPosition {
    package enum LookUp: Hashable, Sendable {
        case resolved(ResolvedStart)
        /// What the log has in the cursor's place tells; see ``ResolvedStart/init(_:found:)``.
        case compare(Cursor)
    }

    /// What a thread's record alone says about the position.
    package func lookUp(in record: ThreadRecord?) -> LookUp {
        switch self {
        case .start:
            return .resolved(.position(after: (record?.oldest.sequence ?? 1) - 1))
        case .now:
            return .resolved(.position(after: record?.head.sequence ?? 0))
        case .after(let cursor):
            guard let record, cursor.sequence <= record.head.sequence else { return .resolved(.unknown) }
            // The numbers of a tail that a crash took are used again, with another generation: only the id tells.
            if cursor == record.head { return .resolved(.position(after: cursor.sequence)) }
            guard cursor.sequence >= record.oldest.sequence else { return .resolved(.trimmed) }
            return .compare(cursor)
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

extension ResolvedStart {
    /// - Parameter found: what the log has in the cursor's place.
    package init(_ cursor: Cursor, found: FoundEvent) {
        // Trimmed since the record was read.
        if found.isTrimmed {
            self = .trimmed
        } else if found.id == cursor {
            self = .position(after: cursor.sequence)
        } else {
            self = .diverged
        }
    }
}
