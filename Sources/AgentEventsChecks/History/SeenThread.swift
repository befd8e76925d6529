import AgentEvents

/// The events of one thread that one client saw.
struct SeenThread {
    let user: UserID?
    /// The numbers it has: those it saw, those before it began, and those that were trimmed before a reset. In order,
    /// apart from each other.
    private var covered: [ClosedRange<UInt64>] = []
    /// The number that comes next; `nil` right after a reset that names none.
    private var due: UInt64?
    /// The ids seen, for what was delivered alone.
    private(set) var ids: [EventID] = []
    /// Events that stand for several.
    private(set) var merged: [(event: AgentEvent, place: String)] = []
    /// The event after which it first began.
    private(set) var after: EventID?
    private(set) var last: EventID?
    private(set) var acknowledged: Set<EventID> = []

    init(user: UserID?, after: EventID?) {
        self.user = user
        self.after = after
        last = after
        begin(after: after?.sequence ?? 0)
    }

    private mutating func begin(after sequence: UInt64) {
        due = sequence + 1
        covered = sequence > 0 ? [1...sequence] : []
    }

    func covers(_ sequence: UInt64) -> Bool {
        covered.contains { $0.contains(sequence) }
    }

    /// - Returns: which rule the event breaks by its place, and how.
    mutating func receive(_ event: AgentEvent, place: String) -> (rule: HistoryRule, message: String)? {
        let first = event.fromSequence ?? event.sequence
        defer {
            due = event.sequence + 1
            last = event.id
        }
        // A client is not expected to see what is not kept.
        cover((due == nil ? 1 : first)...event.sequence)
        if event.fromSequence == nil { ids.append(event.id) } else { merged.append((event, place)) }
        guard let due, first != due else { return nil }
        return (first > due ? .seenGap : .seenRepeated, "seq \(first) where \(due) was due")
    }

    /// Voids what it saw. From here it has to see everything that is kept, as the log has it.
    mutating func reset(_ reset: HistoryReset) {
        after = nil
        last = nil
        switch reset.reason {
        case .diverged, .unknown, .unrecognized:
            ids = []
            merged = []
        case .trimmed:
            let oldest = reset.oldest?.sequence ?? .max
            ids.removeAll { $0.sequence < oldest }
            merged.removeAll { $0.event.sequence < oldest }
        }
        if let oldest = reset.oldest {
            begin(after: oldest.sequence - 1)
        } else {
            due = nil
            covered = []
        }
    }

    /// - Returns: whether the client had seen so far.
    mutating func acknowledge(_ cursor: EventID) -> Bool {
        acknowledged.insert(cursor)
        guard let last else { return false }
        return cursor.sequence <= last.sequence && covers(cursor.sequence)
    }

    private mutating func cover(_ range: ClosedRange<UInt64>) {
        if let last = covered.last, range.lowerBound == last.upperBound + 1 {
            covered[covered.count - 1] = last.lowerBound...range.upperBound
        } else {
            covered.append(range)
        }
    }
}
