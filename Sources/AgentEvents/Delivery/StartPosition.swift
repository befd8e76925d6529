/// The place in a thread's log at which a reader begins.
@nonexhaustive
public enum StartPosition: Hashable, Sendable {
    /// With the first event that is kept.
    case start
    /// With the next event that is committed.
    case now
    /// With the event after the one whose id this is.
    case after(Cursor)
}

extension EventLog {
    /// Finds the place of a start position in a thread.
    ///
    /// - Parameter generation: the log's, of this opening.
    package func resolve(
        _ start: StartPosition,
        in thread: ThreadID,
        record: ThreadRecord?,
        generation: UInt64
    ) async throws(EventLogError) -> ResolvedStart {
        switch start.lookUp(in: record, generation: generation) {
        case .resolved(let resolved): resolved
        case .compare(let cursor): ResolvedStart(cursor, found: try await find(cursor, in: thread))
        }
    }

    /// Whether an event is one that the thread has or, when all were trimmed, its last one.
    func holds(_ id: EventID, in thread: ThreadID, record: ThreadRecord) async throws(EventLogError) -> Bool {
        if id == record.head { return true }
        guard id.sequence >= record.oldest.sequence, id.sequence < record.head.sequence else { return false }
        return try await find(id, in: thread).id == id
    }

    private func find(_ cursor: Cursor, in thread: ThreadID) async throws(EventLogError) -> FoundEvent {
        let page = try await read(LogRead(.thread(thread, after: cursor.sequence - 1), maximumCount: 1))
        return FoundEvent(id: page.events.first?.id, isTrimmed: page.skipsTrimmed)
    }
}

extension StartPosition {
    package enum LookUp: Hashable, Sendable {
        case resolved(ResolvedStart)
        /// The log has to tell which event is in the cursor's place; see ``ResolvedStart/init(_:found:)``.
        case compare(Cursor)
    }

    /// Looks the position up by a thread's record alone.
    ///
    /// - Parameters:
    ///   - record: `nil` for a thread without events.
    ///   - generation: the log's, of this opening.
    package func lookUp(in record: ThreadRecord?, generation: UInt64) -> LookUp {
        switch self {
        case .start:
            return .resolved(.position(after: (record?.oldest.sequence ?? 1) - 1))
        case .now:
            return .resolved(.position(after: record?.head.sequence ?? 0))
        case .after(let cursor):
            guard let record, cursor.sequence <= record.head.sequence else {
                // Nobody can have seen an event of this opening that does not exist; one of another opening was in a
                // history that is not this one: of a log that a crash or a restored backup took the end from, or of
                // another log.
                return .resolved(cursor.generation == generation ? .unknown : .diverged)
            }
            // The numbers of a tail that a crash took are used again, with another generation: only the id tells.
            if cursor == record.head { return .resolved(.position(after: cursor.sequence)) }
            guard cursor.sequence >= record.oldest.sequence else {
                return .resolved(.trimmed(cursor, oldest: record.oldest))
            }
            return .compare(cursor)
        }
    }
}

/// The event that a log has in the place of a cursor.
package struct FoundEvent: Hashable, Sendable {
    package var id: EventID?
    /// Whether the event was trimmed.
    package var isTrimmed: Bool

    package init(id: EventID?, isTrimmed: Bool) {
        self.id = id
        self.isTrimmed = isTrimmed
    }
}

/// The place in a thread's log where a reader begins, looked up.
package enum ResolvedStart: Hashable, Sendable {
    /// With the event after this sequence number.
    case position(after: UInt64)
    /// The cursor is of another history: the log has another event in its place, or none and cannot have had it since
    /// it was opened. It lost events that the reader has seen, is a restored backup, or is another log.
    case diverged
    /// The cursor's event is older than what the log keeps; whether it ever was one of the thread, nobody can tell.
    case trimmed
    /// The cursor is beyond the thread's last event, and nobody can have been given it.
    case unknown
}

extension ResolvedStart {
    /// - Parameter found: the event that the log has in the cursor's place.
    package init(_ cursor: Cursor, found: FoundEvent) {
        // Trimmed since the record was read.
        if found.isTrimmed {
            self = found.id.map { .trimmed(cursor, oldest: $0) } ?? .trimmed
        } else if found.id == cursor {
            self = .position(after: cursor.sequence)
        } else {
            self = .diverged
        }
    }

    /// A cursor that is older than the oldest event. Generations rise with the numbers, so one that is higher is of
    /// another history.
    fileprivate static func trimmed(_ cursor: Cursor, oldest: EventID) -> ResolvedStart {
        cursor.generation > oldest.generation ? .diverged : .trimmed
    }
}
