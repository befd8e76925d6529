import AgentEvents

/// What a list says of a thread: a pure fold of its events, without fragments and progress. Bounded, however long the thread.
struct ThreadSummary: Hashable, Sendable {
    /// The most names of agents; those that began runs last are kept.
    static let maximumAgentCount = 16
    /// The most open runs that are looked at; further ones count as running.
    static let maximumOpenRunCount = 64
    /// The most open requests for approval that are looked at, of all runs.
    static let maximumApprovalCount = 64
    /// The longest title, in characters.
    static let maximumTitleLength = 120

    /// An open run.
    struct Run: Hashable, Sendable {
        enum State: String, Hashable, Sendable {
            case queued, running, paused
        }

        var state: State
        var approvals: [ApprovalID] = []
    }

    let thread: ThreadID
    /// The user whose thread it is.
    let user: UserID
    /// The time of the first event; `nil` when it was trimmed before it was looked at.
    var createdAt: Timestamp?
    /// The time of the last event that counts.
    var updatedAt: Timestamp
    /// The number of the last event that was applied.
    var sequence: UInt64 = 0
    /// The beginning of what was said first, by a user or as the input of a run.
    var title: String?
    /// The number of the event that the title is of.
    var titleSequence: UInt64 = 0
    /// Those that began runs, the latest last.
    var agents: [AgentName] = []
    var runCount = 0
    var openRuns: [RunID: Run] = [:]
    var lastOutcome: ThreadOutcome?

    init(thread: ThreadID, user: UserID, updatedAt: Timestamp) {
        self.thread = thread
        self.user = user
        self.updatedAt = updatedAt
    }

    /// What most wants to be known of the runs that are open.
    var status: ThreadStatus {
        if openRuns.values.contains(where: { !$0.approvals.isEmpty }) { return .waiting }
        for (state, status) in [(Run.State.running, ThreadStatus.running), (.paused, .paused), (.queued, .queued)]
        where openRuns.values.contains(where: { $0.state == state }) {
            return status
        }
        return .idle
    }

    // MARK: Folding

    /// Whether events of a type change what a list says. Fragments and progress do not: there are many.
    static func counts(_ type: EventType) -> Bool {
        switch type {
        case .agentThinking, .messageDelta, .agentProgress, .toolProgress: false
        default: true
        }
    }

    /// Whether more of an event is looked at than its number and its time.
    static func readsData(of type: EventType) -> Bool {
        switch type {
        case .agentQueued, .agentStarted, .approvalRequested, .approvalResolved, .agentPaused, .agentResumed,
            .agentCompleted, .agentFailed, .agentCancelled, .userMessage:
            true
        default: false
        }
    }

    /// An event was committed. One that was applied before changes nothing.
    ///
    /// - Parameter event: `nil` for one of a type whose data is not read.
    /// - Returns: whether something has changed.
    mutating func apply(_ sequence: UInt64, at time: Timestamp, _ event: AgentEvent?) -> Bool {
        guard sequence > self.sequence else { return false }
        self.sequence = sequence
        if sequence == 1 { createdAt = time }
        updatedAt = max(updatedAt, time)
        if let event { apply(event) }
        return true
    }

    private mutating func apply(_ event: AgentEvent) {
        switch event.payload {
        case .userMessage(let message): entitle(message.text, event)
        case .agentQueued(let queued): begin(event, .queued, queued.input)
        case .agentStarted(let started): begin(event, .running, started.input)
        case .agentPaused: change(event) { $0.state = .paused }
        case .agentResumed: change(event) { $0.state = .running }
        case .approvalRequested(let request):
            let count = openRuns.values.reduce(0) { $0 + $1.approvals.count }
            guard count < Self.maximumApprovalCount else { break }
            change(event) { $0.approvals.append(request.approvalID) }
        case .approvalResolved(let resolved):
            change(event) { run in run.approvals.removeAll { $0 == resolved.approvalID } }
        case .agentCompleted: end(event, .completed)
        case .agentFailed: end(event, .failed)
        case .agentCancelled: end(event, .cancelled)
        default: break
        }
    }

    private mutating func begin(_ event: AgentEvent, _ state: Run.State, _ input: JSONValue?) {
        guard let run = event.runID else { return }
        if let text = input?.stringValue { entitle(text, event) }
        if let agent = event.agent {
            agents.removeAll { $0 == agent }
            agents = agents.suffix(Self.maximumAgentCount - 1) + [agent]
        }
        if openRuns[run] != nil {
            openRuns[run]?.state = state
            return
        }
        runCount += 1
        if openRuns.count < Self.maximumOpenRunCount { openRuns[run] = Run(state: state) }
    }

    private mutating func change(_ event: AgentEvent, _ body: (inout Run) -> Void) {
        guard let run = event.runID, openRuns[run] != nil else { return }
        body(&openRuns[run, default: Run(state: .running)])
    }

    private mutating func end(_ event: AgentEvent, _ outcome: ThreadOutcome) {
        lastOutcome = outcome
        if let run = event.runID { openRuns[run] = nil }
    }

    private mutating func entitle(_ text: String, _ event: AgentEvent) {
        guard title == nil else { return }
        // A title is one line; of a long text only the beginning is looked at.
        let words = text.prefix(Self.maximumTitleLength * 4).split { $0.isWhitespace || $0.isNewline }
        let line = words.joined(separator: " ")
        guard !line.isEmpty else { return }
        // A character may be of any length.
        let scalars = line.prefix(Self.maximumTitleLength).unicodeScalars.prefix(Self.maximumTitleLength * 4)
        title = String(String.UnicodeScalarView(scalars))
        titleSequence = event.sequence
    }
}

/// The state of a thread in a list: of its open runs, the one that most wants to be known.
@nonexhaustive
package enum ThreadStatus: String, Hashable, Sendable, CaseIterable {
    /// No run is open.
    case idle
    /// A run is under way.
    case running
    /// A run waits for a person.
    case waiting
    case paused
    case queued
}

/// The end of the run of a thread that ended last.
package enum ThreadOutcome: String, Hashable, Sendable, CaseIterable {
    case completed, failed, cancelled
}

// MARK: As it is stored

extension ThreadSummary {
    /// The card of the thread, as the log keeps it.
    var card: ThreadCard {
        let open = openRuns.sorted { $0.key.rawValue < $1.key.rawValue }.map { run, content in
            JSONValue.array(
                [.string(run.rawValue), .string(content.state.rawValue)]
                    + content.approvals.map { .string($0.rawValue) })
        }
        let json: JSONValue = [
            "created": createdAt.map { .integer($0.milliseconds) } ?? nil, "seq": .integer(sequence),
            "title": title.map { .string($0) } ?? nil, "title_seq": .integer(titleSequence),
            "agents": .array(agents.map { .string($0.rawValue) }), "runs": .integer(runCount), "open": .array(open),
            "outcome": lastOutcome.map { .string($0.rawValue) } ?? nil,
        ]
        return ThreadCard(thread: thread, user: user, activity: updatedAt, bytes: json.encoded())
    }

    /// - Returns: `nil` when it is not what was stored.
    init?(_ card: ThreadCard) {
        guard let json = try? JSONValue(parsing: card.bytes),
            let sequence = json["seq"]?.integerValue.flatMap({ UInt64(exactly: $0) }),
            let titleSequence = json["title_seq"]?.integerValue.flatMap({ UInt64(exactly: $0) }),
            let agents = json["agents"]?.arrayValue, let runCount = json["runs"]?.integerValue,
            let open = json["open"]?.arrayValue
        else { return nil }
        self.init(thread: card.thread, user: card.user, updatedAt: card.activity)
        self.sequence = sequence
        createdAt = json["created"]?.integerValue.map { Timestamp(milliseconds: $0) }
        title = json["title"]?.stringValue
        self.titleSequence = titleSequence
        self.agents = agents.compactMap { $0.stringValue.flatMap { try? AgentName($0) } }
        self.runCount = Int(runCount)
        lastOutcome = json["outcome"]?.stringValue.flatMap { ThreadOutcome(rawValue: $0) }
        for run in open {
            let texts = (run.arrayValue ?? []).compactMap(\.stringValue)
            guard texts.count > 1, let id = try? RunID(texts[0]), let state = Run.State(rawValue: texts[1]) else {
                return nil
            }
            openRuns[id] = Run(state: state, approvals: texts.dropFirst(2).compactMap { try? ApprovalID($0) })
        }
    }
}
