/// The state of a thread as of an event, in a form that is stored: `{"cursor":"3-57","state":{…}}`.
///
/// It stands for all events up to its ``cursor``; applied to the events after it, the state is the thread's (``ThreadState``).
public struct ThreadSnapshot: Hashable, Sendable {
    /// The purpose that a snapshot is kept for. Each is stored apart, so that none overwrites another.
    @nonexhaustive
    public enum Place: String, Hashable, Sendable, CaseIterable {
        /// To read less: saved now and then, may be dropped at any time. After a crash of the machine its event may be
        /// gone.
        case latest = ""
        /// To replace the events that were trimmed and cannot be folded any longer. It counts when its last event is the
        /// one before the oldest of the thread.
        case trimmed
        /// As ``trimmed``, in turn with it: the one that counts is kept until the next events are gone.
        case trimmedInTurn = "trimmed_in_turn"
    }

    /// The last event that the state has.
    public let cursor: Cursor
    public let state: ThreadState

    /// - Returns: `nil` for a state that has no event.
    public init?(_ state: ThreadState) {
        guard let cursor = state.cursor else { return nil }
        self.cursor = cursor
        self.state = state
    }

    /// Reads the form that ``bytes`` gives.
    ///
    /// - Throws: ``WireError``, among others when it was written by a version with another format of the state.
    public init(bytes: [UInt8]) throws(WireError) {
        var reader = try MemberReader(try JSONValue(parsing: bytes), path: "$")
        var state = try ThreadState(json: try reader.required("state"))
        state.raiseLimits()
        guard let cursor = state.cursor, try reader.text("cursor") == cursor.description else {
            throw WireError(.invalidValue, path: "$.cursor", "a snapshot has the cursor of its state")
        }
        self.cursor = cursor
        self.state = state
    }

    /// The form that is stored.
    public var bytes: [UInt8] {
        JSONValue.object(
            JSONObject(uniqueMembers: [("cursor", .string(cursor.description)), ("state", state.json)])
        ).encoded()
    }
}

extension ThreadSnapshot {
    /// The largest snapshot that is stored, in bytes: 8 MiB, in parts of ``StoredValue/maximumByteCount``.
    public static var maximumByteCount: Int { partCount * StoredValue.maximumByteCount }

    private static var partCount: Int { 8 }

    /// The snapshot as values to be saved together.
    ///
    /// - Throws: ``EventLogError`` `log.too_large` above ``maximumByteCount``.
    public func stored(for thread: ThreadID, in place: Place) throws(EventLogError) -> [StoredValue] {
        let bytes = bytes
        guard bytes.count <= Self.maximumByteCount else {
            throw EventLogError(
                .tooLarge,
                "a stored state has at most \(Self.maximumByteCount) bytes, that of \(thread) has \(bytes.count)")
        }
        return Self.values(bytes, for: thread, in: place)
    }

    /// The values that remove the stored snapshot.
    public static func removal(of place: Place, for thread: ThreadID) -> [StoredValue] {
        values([], for: thread, in: place)
    }

    /// Every part is named, so that none is left of an earlier snapshot that had more.
    private static func values(_ bytes: [UInt8], for thread: ThreadID, in place: Place) -> [StoredValue] {
        (0..<partCount).map { part in
            let piece = bytes.dropFirst(part * StoredValue.maximumByteCount).prefix(StoredValue.maximumByteCount)
            return StoredValue(
                .snapshot, thread: thread, name: place.name(ofPart: part), bytes: piece.isEmpty ? nil : Array(piece))
        }
    }

    /// Loads the stored snapshot.
    ///
    /// - Returns: `nil` when there is none, or none that this version can read.
    public static func load(
        _ place: Place,
        of thread: ThreadID,
        from store: any StateStore
    ) async throws(EventLogError) -> ThreadSnapshot? {
        guard var bytes = try await store.load(.snapshot, thread: thread, name: place.name(ofPart: 0)) else {
            return nil
        }
        if bytes.count == StoredValue.maximumByteCount {
            // All parts as of one moment.
            let values = try await store.loadAll(.snapshot, thread: thread)
            let parts = (0..<partCount).map { part in
                values.first { $0.name == place.name(ofPart: part) }?.bytes ?? []
            }
            bytes = Array(parts.joined())
        }
        return try? ThreadSnapshot(bytes: bytes)
    }

    /// Whether the oldest event of a thread is the one after the cursor.
    ///
    /// Generations rise with the numbers: a snapshot of a higher one is of another history.
    func leadsOn(to record: ThreadRecord) -> Bool {
        // Of a thread all of whose events were trimmed the last one is known: one of the same number may have been lost.
        if record.isEmpty { return cursor == record.head }
        return cursor.sequence + 1 == record.oldest.sequence && cursor.generation <= record.oldest.generation
    }

    /// The newest stored snapshot from which the events of a log lead on: its event is in the log, or is the last one
    /// that was trimmed.
    ///
    /// - Parameter limit: the snapshot has no event after this sequence.
    package static func newest(
        of thread: ThreadID,
        record: ThreadRecord,
        upTo limit: UInt64 = .max,
        in log: any EventLog,
        _ store: any StateStore
    ) async throws(EventLogError) -> ThreadSnapshot? {
        var newest: ThreadSnapshot?
        for place in Place.allCases {
            guard let found = try await load(place, of: thread, from: store), found.cursor.sequence <= limit,
                found.cursor.sequence > newest?.cursor.sequence ?? 0
            else { continue }
            // What was trimmed was on the disk before, so nothing can have taken its place.
            let isEdge = place != .latest && found.leadsOn(to: record)
            let isKnown = isEdge ? true : try await log.holds(found.cursor, in: thread, record: record)
            if isKnown { newest = found }
        }
        return newest
    }
}

extension ThreadSnapshot.Place {
    fileprivate func name(ofPart part: Int) -> String { part == 0 ? rawValue : "\(rawValue)~\(part)" }
}
