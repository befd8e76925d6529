import AgentEvents

/// What a list may say of a thread at one moment, worked out from its events alone, and not as the service does it.
struct ListedThread {
    private struct Run {
        let id: RunID
        var state: String
        var approvals: Set<ApprovalID> = []
    }

    private var open: [Run] = []
    private(set) var updatedAt: Timestamp?
    private(set) var outcome: String?
    private(set) var title: String?
    private(set) var agents: [String] = []
    private(set) var runCount = 0

    /// Of the open runs, the state that most wants to be known.
    var status: String {
        if open.contains(where: { !$0.approvals.isEmpty }) { return "waiting" }
        return ["running", "paused", "queued"].first { state in open.contains { $0.state == state } } ?? "idle"
    }

    /// Whether an event moves its thread in a list: fragments and progress do not.
    static func moves(_ event: StoredEvent) -> Bool {
        guard let event = try? EventDecoder.decode(event.bytes) else { return false }
        return moves(event)
    }

    private static func moves(_ event: AgentEvent) -> Bool {
        switch event.payload {
        case .agentThinking, .messageDelta, .agentProgress, .toolProgress: false
        default: true
        }
    }

    mutating func receive(_ stored: StoredEvent) {
        guard let event = try? EventDecoder.decode(stored.bytes), Self.moves(event) else { return }
        updatedAt = max(updatedAt ?? event.time, event.time)
        switch event.payload {
        case .userMessage(let message): entitle(message.text)
        case .agentQueued(let queued): begin(event, "queued", queued.input)
        case .agentStarted(let started): begin(event, "running", started.input)
        case .agentPaused: change(event) { $0.state = "paused" }
        case .agentResumed: change(event) { $0.state = "running" }
        case .approvalRequested(let request): change(event) { $0.approvals.insert(request.approvalID) }
        case .approvalResolved(let resolved): change(event) { $0.approvals.remove(resolved.approvalID) }
        case .agentCompleted: end(event, "completed")
        case .agentFailed: end(event, "failed")
        case .agentCancelled: end(event, "cancelled")
        default: break
        }
    }

    private mutating func begin(_ event: AgentEvent, _ state: String, _ input: JSONValue?) {
        guard let run = event.runID else { return }
        if let text = input?.stringValue { entitle(text) }
        if let agent = event.agent?.rawValue {
            agents.removeAll { $0 == agent }
            agents.append(agent)
        }
        if open.contains(where: { $0.id == run }) { return change(event) { $0.state = state } }
        runCount += 1
        open.append(Run(id: run, state: state))
    }

    private mutating func change(_ event: AgentEvent, _ body: (inout Run) -> Void) {
        guard let place = open.firstIndex(where: { $0.id == event.runID }) else { return }
        body(&open[place])
    }

    private mutating func end(_ event: AgentEvent, _ outcome: String) {
        self.outcome = outcome
        open.removeAll { $0.id == event.runID }
    }

    /// The texts of this world are short, and of one line.
    private mutating func entitle(_ text: String) {
        if title == nil, !text.isEmpty { title = text }
    }
}

extension SimulatedThread {
    /// What is wrong with what a list says of the thread.
    ///
    /// - Parameter first: the number of the event that it is as of at the earliest; at the latest it is as of now.
    func difference(fromListed json: JSONValue, asOf first: UInt64) -> InvariantViolation? {
        func violation(_ text: String) -> InvariantViolation {
            InvariantViolation(
                .listed,
                "\(owner.thread) is listed \(text), from \(first) to \(head): "
                    + String(decoding: json.encoded(), as: UTF8.self))
        }
        guard let text = json["head"]?.stringValue, let cursor = Cursor(text), cursor.sequence >= first,
            event(cursor.sequence)?.id == cursor || lost.contains(cursor)
        else { return violation("with a head that it has not had since") }
        var moment = ListedThread()
        for event in events.prefix(Int(first)) { moment.receive(event) }
        // The card and the head are looked at one after the other, each at a moment of its own.
        var isCard = moment.isListed(as: json, isTrimmed: firstKept > 1 || !lost.isEmpty)
        var isStatus = moment.status == json["status"]?.stringValue
        for event in events.dropFirst(Int(first)) {
            moment.receive(event)
            isCard = isCard || moment.isListed(as: json, isTrimmed: firstKept > 1 || !lost.isEmpty)
            isStatus = isStatus || moment.status == json["status"]?.stringValue
        }
        if !isStatus { return violation("with a status that it has not had since") }
        return isCard ? nil : violation("as it has not been since, and is now \(moment.words)")
    }

    /// The place of the thread in a list; `nil` when it is in none.
    var listedPlace: CardPlace? {
        listedNow.updatedAt.map { CardPlace(activity: $0, thread: owner.thread) }
    }

    private var listedNow: ListedThread {
        var moment = ListedThread()
        for event in events { moment.receive(event) }
        return moment
    }

    /// What is wrong with a card that somebody has of the thread, when nothing happens any longer.
    func difference(fromListedAtRest json: JSONValue) -> InvariantViolation? {
        let moment = listedNow
        guard
            moment.status != json["status"]?.stringValue
                || !moment.isListed(as: json, isTrimmed: firstKept > 1 || !lost.isEmpty)
        else { return nil }
        return InvariantViolation(
            .listed,
            "\(owner.thread) is \(moment.words) in the end, and listed as "
                + String(decoding: json.encoded(), as: UTF8.self))
    }

    /// Whether a list that was asked for when the thread had its first events only has to have it somewhere: it has not moved
    /// since, and is what was asked for.
    func mustBeListed(asOf first: UInt64, status: String?, agent: String?) -> Bool {
        guard first > 0, first <= head, !events.dropFirst(Int(first)).contains(where: ListedThread.moves) else {
            return false
        }
        var moment = ListedThread()
        for event in events.prefix(Int(first)) { moment.receive(event) }
        guard moment.updatedAt != nil else { return false }
        if let status, moment.status != status { return false }
        // What was trimmed before anybody looked is not known.
        guard firstKept == 1, lost.isEmpty else { return agent == nil }
        return agent.map { moment.agents.contains($0) } ?? true
    }
}

extension ListedThread {
    fileprivate var words: String {
        "\(title ?? "untitled"), \(updatedAt?.rfc3339 ?? "never"), \(outcome ?? "without an end"), \(runCount) runs, \(agents)"
    }

    fileprivate func isListed(as json: JSONValue, isTrimmed: Bool) -> Bool {
        guard json["updated_at"]?.stringValue == updatedAt?.rfc3339 else { return false }
        if isTrimmed { return true }
        return json["title"]?.stringValue == title && json["last_outcome"]?.stringValue == outcome
            && json["runs"]?.integerValue == Int64(runCount)
            && json["agents"]?.arrayValue?.map { $0.stringValue ?? "" } == Array(agents.suffix(16))
    }
}
