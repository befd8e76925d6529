import AgentEvents

/// What a commit holds of one thread, framed, and whose thread it is.
struct CommittedEvents: Sendable {
    let owner: UserID
    let thread: ThreadID
    let lastID: EventID
    /// `nil` for news only: the events are in the log.
    let events: FramedEvents?

    init(_ events: FramedEvents, owner: UserID) {
        self.owner = owner
        thread = events.thread
        lastID = events.lastID
        self.events = events
    }

    private init(newsOf committed: CommittedEvents) {
        owner = committed.owner
        thread = committed.thread
        lastID = committed.lastID
        events = nil
    }
}

extension CommittedEvents: InboxElement {
    var byteCount: Int { events?.byteCount ?? 0 }
    var withoutEvents: CommittedEvents { CommittedEvents(newsOf: self) }

    func adjoins(_ next: CommittedEvents) -> Bool {
        guard let events, let following = next.events else { return false }
        return events.lastSequence + 1 == following.firstSequence
    }

    static func joining(_ run: ArraySlice<CommittedEvents>) -> CommittedEvents {
        guard let first = run.first else { preconditionFailure("no events to join") }
        return CommittedEvents(FramedEvents(joining: run.compactMap(\.events)), owner: first.owner)
    }
}
