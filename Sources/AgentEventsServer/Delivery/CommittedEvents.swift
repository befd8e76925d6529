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

    /// Commits of one thread, with as few writes as possible.
    ///
    /// - Parameter maximumByteCount: more than this is not put into one.
    static func joining(_ commits: [CommittedEvents], maximumByteCount: Int) -> [CommittedEvents] {
        guard commits.count > 1 else { return commits }
        var joined: [CommittedEvents] = []
        var run: [FramedEvents] = []
        var byteCount = 0
        func endRun(_ owner: UserID) {
            if !run.isEmpty { joined.append(CommittedEvents(FramedEvents(joining: run), owner: owner)) }
            run = []
            byteCount = 0
        }
        for committed in commits {
            guard let events = committed.events else {
                endRun(committed.owner)
                joined.append(committed)
                continue
            }
            if byteCount + events.byteCount > maximumByteCount || run.last.map({ !$0.adjoins(events) }) ?? false {
                endRun(committed.owner)
            }
            run.append(events)
            byteCount += events.byteCount
        }
        if let last = commits.last { endRun(last.owner) }
        return joined
    }
}

extension CommittedEvents: InboxElement {
    var byteCount: Int { events?.byteCount ?? 0 }
    var withoutEvents: CommittedEvents { CommittedEvents(newsOf: self) }
}
