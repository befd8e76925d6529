/// A thread of an in-memory log.
struct InMemoryThread: Sendable {
    let user: UserID
    /// The events that are kept, without a gap.
    private(set) var events: [StoredEvent] = []
    /// The last event, also when it was trimmed; `nil` before the first.
    private(set) var head: EventID?
    /// The runs that begin in the events kept, with the sequence of their first event.
    private var runs: [RunID: UInt64] = [:]
    /// The runs without an end, in the order of their first events.
    private(set) var openRuns: [OpenRun] = []

    init(user: UserID) { self.user = user }

    /// The sequence of the oldest event kept, or the one after the head's.
    var oldestSequence: UInt64 { events.first?.id.sequence ?? (head?.sequence ?? 0) + 1 }

    var record: ThreadRecord? {
        guard let head else { return nil }
        return ThreadRecord(
            user: user,
            head: head,
            oldest: events.first?.id ?? EventID(generation: head.generation, sequence: head.sequence + 1),
            openRuns: openRuns
        )
    }

    /// Looks for the first event of a run among those kept.
    func firstSequence(of run: RunID) -> UInt64? { runs[run] }
    func hasStarted(_ run: RunID) -> Bool { runs[run] != nil }

    /// The events after a sequence.
    func events(after: UInt64) -> ArraySlice<StoredEvent> {
        after < oldestSequence ? events[...] : events.dropFirst(Int(clamping: after - oldestSequence + 1))
    }

    /// The event with a sequence, unless it was trimmed.
    func event(_ sequence: UInt64) -> StoredEvent? {
        sequence < oldestSequence ? nil : events[Int(sequence - oldestSequence)]
    }

    mutating func append(_ entry: LogEntry) {
        events.append(StoredEvent(thread: entry.owner.thread, id: entry.id, bytes: entry.bytes))
        head = entry.id
        guard let run = entry.run else { return }
        if entry.type.beginsRun {
            // One that was queued is open, and starts now.
            guard !openRuns.contains(where: { $0.run == run }) else { return }
            runs[run] = entry.id.sequence
            openRuns.append(OpenRun(run: run, sequence: entry.id.sequence, host: entry.host))
        } else if entry.type.endsRun {
            openRuns.removeAll { $0.run == run }
        }
    }

    /// The first event that a trim to a sequence keeps: not inside a run that is open, and not beyond the end.
    func firstKept(ofTrimTo sequence: UInt64) -> UInt64 {
        min(sequence, (head?.sequence ?? 0) + 1, openRuns.first?.sequence ?? .max)
    }

    /// - Returns: the events that were taken away.
    mutating func trim(to sequence: UInt64) -> ArraySlice<StoredEvent> {
        let firstKept = firstKept(ofTrimTo: sequence)
        guard firstKept > oldestSequence else { return [] }
        let trimmed = events.prefix(Int(firstKept - oldestSequence))
        events.removeFirst(trimmed.count)
        runs = runs.filter { $0.value >= firstKept }
        return trimmed
    }
}
