import AgentEvents

/// A thread as transports of one framing get it.
struct ThreadFeed: Hashable, Sendable {
    let thread: ThreadID
    /// The number of the framing; see ``StreamDelivery/number(of:)``.
    let framing: Int
}

/// The events of a commit that belong to one thread, framed, and the user whose thread it is.
struct CommittedEvents: Sendable {
    let owner: UserID
    let thread: ThreadFeed
    let lastID: EventID
    /// `nil` for a notice only: the events are in the log.
    let events: FramedEvents?

    init(_ events: FramedEvents, framing: Int, owner: UserID) {
        self.owner = owner
        thread = ThreadFeed(thread: events.thread, framing: framing)
        lastID = events.lastID
        self.events = events
    }

    private init(noticeOf committed: CommittedEvents) {
        owner = committed.owner
        thread = committed.thread
        lastID = committed.lastID
        events = nil
    }
}

extension CommittedEvents: InboxElement {
    var byteCount: Int { events?.byteCount ?? 0 }
    var notice: CommittedEvents { CommittedEvents(noticeOf: self) }

    func adjoins(_ next: CommittedEvents) -> Bool {
        guard let events, let following = next.events else { return false }
        return events.lastSequence + 1 == following.firstSequence
    }

    static func joining(_ run: ArraySlice<CommittedEvents>) -> CommittedEvents {
        guard let first = run.first else { preconditionFailure("no events to join") }
        return CommittedEvents(
            FramedEvents(joining: run.compactMap(\.events)), framing: first.thread.framing, owner: first.owner)
    }
}
