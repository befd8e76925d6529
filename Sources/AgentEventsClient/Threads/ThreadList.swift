public import AgentEvents
internal import AgentEventsProtocol

/// A question for the threads that one may see.
public struct ThreadQuery: Hashable, Sendable {
    /// A text that is part of the title or the id; upper and lower case are the same. `nil` for any.
    public var text: String?
    /// The state of the threads; `nil` for any.
    public var status: ListedThread.Status?
    /// An agent that began runs in the threads; `nil` for any.
    public var agent: AgentName?
    /// The most threads, 1 to 100. Default: 50.
    public var maximumCount: Int

    public init(
        text: String? = nil,
        status: ListedThread.Status? = nil,
        agent: AgentName? = nil,
        maximumCount: Int = 50
    ) {
        self.text = text
        self.status = status
        self.agent = agent
        self.maximumCount = maximumCount
    }

    var request: WatchRequest {
        WatchRequest(text: text, status: status?.rawValue, agent: agent?.rawValue, limit: Int64(maximumCount))
    }
}

/// A list of threads as it was at one moment.
public struct ThreadList: Hashable, Sendable {
    /// The threads, those in which something happened last first.
    public internal(set) var threads: [ListedThread] = []
    /// The value of `before` with which `GET /v1/threads` continues after them; `nil` when there are no others.
    public internal(set) var next: String?
}

/// What a list says of a thread.
public struct ListedThread: Hashable, Sendable {
    /// The state of the open runs of a thread: of the one that most wants to be known.
    public struct Status: Hashable, Sendable, RawRepresentable {
        /// No run is open.
        public static let idle = Self(rawValue: "idle")
        /// A run is under way.
        public static let running = Self(rawValue: "running")
        /// A run waits for a person.
        public static let waiting = Self(rawValue: "waiting")
        public static let paused = Self(rawValue: "paused")
        public static let queued = Self(rawValue: "queued")

        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }
    }

    public var thread: ThreadID
    /// The user whose thread it is; `nil` for those who are not told.
    public var user: UserID?
    /// The beginning of what was said first; `nil` when nothing was, or it is not known.
    public var title: String?
    /// The time of the first event; `nil` when it is not known.
    public var createdAt: Timestamp?
    /// The time of the last event that is no fragment and no progress.
    public var updatedAt: Timestamp
    /// The last event.
    public var head: Cursor
    public var status: Status
    /// How the run ended that ended last: `completed`, `failed`, `cancelled`; `nil` when none has, or it is not known.
    public var lastOutcome: String?
    /// Those that began runs last, the latest at the end.
    public var agents: [AgentName]
    /// The number of runs; `nil` when it is not known.
    public var runCount: Int?
}

extension ListedThread {
    /// - Throws: ``WireError`` with the path to the fault.
    init(_ json: JSONValue) throws(WireError) {
        var members = try MemberReader(json, path: "$.threads")
        thread = try members.threadID()
        user = try members.identifierIfPresent("user_id")
        title = try members.wordIfPresent("title")
        createdAt = try members.timeIfPresent("created_at")
        guard let updatedAt = try members.timeIfPresent("updated_at"), let head = try members.cursorIfPresent("head")
        else { throw members.invalid("updated_at", "a thread has updated_at and head") }
        (self.updatedAt, self.head) = (updatedAt, head)
        status = Status(rawValue: try members.word("status"))
        lastOutcome = try members.wordIfPresent("last_outcome")
        agents = (members.object["agents"]?.arrayValue ?? []).compactMap { name in
            name.stringValue.flatMap { try? AgentName($0) }
        }
        runCount = members.object["runs"]?.integerValue.flatMap { Int(exactly: $0) }
    }

    /// Whether it comes before another one in a list.
    fileprivate func precedes(_ other: ListedThread) -> Bool {
        guard updatedAt == other.updatedAt else { return updatedAt > other.updatedAt }
        return other.thread.rawValue.utf8.lexicographicallyPrecedes(thread.rawValue.utf8)
    }
}

/// The list that a client watches, by what it is told: a pure fold.
struct WatchedThreadList {
    private var threads: [ThreadID: ListedThread] = [:]

    /// - Returns: the list as it is now.
    /// - Throws: ``WireError`` with the path to the fault.
    mutating func take(_ news: ThreadListNews) throws(WireError) -> ThreadList {
        for thread in news.gone { threads[thread] = nil }
        for json in news.threads {
            let thread = try ListedThread(json)
            threads[thread.thread] = thread
        }
        return ThreadList(threads: threads.values.sorted { $0.precedes($1) }, next: news.next)
    }
}
