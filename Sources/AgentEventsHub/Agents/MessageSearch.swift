import AgentEvents

/// Looks for messages of a thread by their ids: near a place first, and then further and further before it. So it costs as
/// much as they are away, however long the thread is; only messages that were trimmed are looked for in all that is kept.
///
/// ```
///   oldest kept ... ─── 1024 ──┤──── 256 ────┤─ 64 ─┤16┤ place ── lookAhead ──> end
///                              <──────────── lookBack, a window each
/// ```
struct MessageSearch {
    private static let firstWindow: UInt64 = 16
    private static let largestWindow: UInt64 = 1024

    private let thread: ThreadID
    private let messages: Set<MessageID>
    private let run: RunID?
    private let place: UInt64
    /// Down to there everything was looked at.
    private var lowest: UInt64
    private var window = Self.firstWindow
    private(set) var found: [MessageID: UserMessage] = [:]
    /// The input of the queued run, when its first event was among what was looked at.
    private(set) var input: JSONValue?

    /// - Parameters:
    ///   - run: a queued run, whose input is noted on the way.
    ///   - place: the number of the event that is looked at first, and from which on it goes back.
    init(_ messages: [MessageID], in thread: ThreadID, run: RunID?, from place: UInt64) {
        self.thread = thread
        self.messages = Set(messages)
        self.run = run
        self.place = place
        lowest = place
    }

    var hasAll: Bool { found.count == messages.count }

    /// Looks at one more window before the place.
    ///
    /// - Returns: whether there is a further one.
    mutating func lookBack(in log: any EventLog) async throws(EventLogError) -> Bool {
        let start = lowest > window ? lowest - window : 0
        let isTrimmed = try await look(after: start, upTo: lowest, in: log)
        (lowest, window) = (start, min(4 * window, Self.largestWindow))
        return start > 0 && !isTrimmed
    }

    /// Looks at what comes after the place, up to the end or the last of the messages.
    mutating func lookAhead(in log: any EventLog) async throws(EventLogError) {
        _ = try await look(after: place, upTo: .max, in: log)
    }

    /// - Returns: whether what comes before was trimmed.
    private mutating func look(
        after start: UInt64,
        upTo end: UInt64,
        in log: any EventLog
    ) async throws(EventLogError) -> Bool {
        var after = start
        var isTrimmed = false
        while after < end, !(hasAll && end == .max) {
            let count = min(Self.largestWindow, end - after)
            let page = try await log.read(LogRead(.thread(thread, after: after), maximumCount: Int(count)))
            isTrimmed = isTrimmed || page.skipsTrimmed
            guard let last = page.events.last else { return isTrimmed }
            for stored in page.events where stored.id.sequence <= end { note(try stored.decoded()) }
            after = last.id.sequence
        }
        return isTrimmed
    }

    private mutating func note(_ event: AgentEvent) {
        if case .userMessage(let message) = event.payload, messages.contains(message.messageID) {
            found[message.messageID] = message
        }
        if case .agentQueued(let first) = event.payload, event.runID == run { input = first.input }
    }
}
