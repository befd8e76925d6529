import AgentEvents

/// Makes entries that follow each other, and remembers them as a log must give them out.
struct LogScript {
    let user: UserID = "u_1"
    let generation: UInt64
    private(set) var heads: [ThreadID: UInt64] = [:]
    private(set) var events: [StoredEvent] = []
    private var owners: [ThreadID: ThreadOwner] = [:]

    /// - Parameter events: what the log holds already.
    init(generation: UInt64, events: [StoredEvent] = []) {
        self.generation = generation
        self.events = events
        for event in events { heads[event.thread] = event.id.sequence }
    }

    /// The events of a thread.
    func events(of thread: ThreadID) -> [StoredEvent] {
        events.filter { $0.thread == thread }
    }

    /// The next event of a thread.
    ///
    /// - Parameter text: a part of its bytes.
    mutating func entry(
        _ thread: ThreadID,
        _ type: EventType = .custom,
        run: RunID? = nil,
        host: RunHost = .process,
        text: String = ""
    ) -> LogEntry {
        let id = EventID(generation: generation, sequence: heads[thread, default: 0] + 1)
        let owner = owners[thread] ?? ThreadOwner(thread: thread, user: user)
        owners[thread] = owner
        heads[thread] = id.sequence
        let json = "{\"type\":\"\(type.rawValue)\",\"id\":\"\(id)\",\"thread_id\":\"\(thread)\",\"x\":\"\(text)\"}"
        let bytes = Array(json.utf8)
        events.append(StoredEvent(thread: thread, id: id, bytes: bytes))
        return LogEntry(owner: owner, id: id, type: type, run: run, host: host, bytes: bytes)
    }

    /// Continues a thread after an event that is in the log.
    mutating func setHead(_ sequence: UInt64, of thread: ThreadID) { heads[thread] = sequence }

    /// A commit of the next events of some threads, one for each mention.
    mutating func commit(_ threads: [ThreadID], text: String = "") -> LogCommit {
        LogCommit(entries: threads.map { entry($0, text: text) }, time: .wallClock)
    }
}
