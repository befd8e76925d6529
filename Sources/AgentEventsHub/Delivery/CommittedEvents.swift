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

    /// A notice of what another writer of the log has committed.
    init(noticeOf advanced: AdvancedThread, framing: Int) {
        owner = advanced.user
        thread = ThreadFeed(thread: advanced.thread, framing: framing)
        lastID = advanced.head
        events = nil
    }

    private init(noticeOf committed: CommittedEvents) {
        owner = committed.owner
        thread = committed.thread
        lastID = committed.lastID
        events = nil
    }

    var byteCount: Int { events?.byteCount ?? 0 }

    /// The same without the events: the thread moved, read it from the log.
    var notice: CommittedEvents { CommittedEvents(noticeOf: self) }

    /// Whether both have events, and those of the other one follow without a gap.
    private func adjoins(_ next: CommittedEvents) -> Bool {
        guard let events, let following = next.events else { return false }
        return events.lastSequence + 1 == following.firstSequence
    }

    /// One in the place of several.
    ///
    /// - Parameter run: more than one, each adjoining the one before.
    private static func joining(_ run: ArraySlice<CommittedEvents>) -> CommittedEvents {
        guard let first = run.first else { preconditionFailure("no events to join") }
        return CommittedEvents(
            FramedEvents(joining: run.compactMap(\.events)), framing: first.thread.framing, owner: first.owner)
    }

    /// Elements of one thread, in order, as few as possible.
    ///
    /// - Parameter maximumByteCount: more than this is not put into one.
    static func joined(_ elements: [CommittedEvents], maximumByteCount: Int) -> [CommittedEvents] {
        var joined: [CommittedEvents] = []
        var start = 0
        var byteCount = 0
        for (index, element) in elements.enumerated() {
            byteCount += element.byteCount
            if index + 1 < elements.count, element.adjoins(elements[index + 1]),
                byteCount + elements[index + 1].byteCount <= maximumByteCount
            {
                continue
            }
            joined.append(start == index ? element : joining(elements[start...index]))
            start = index + 1
            byteCount = 0
        }
        return joined
    }
}
