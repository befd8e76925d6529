import AgentEvents

/// The events with which a queued run starts, and the messages that it answers.
struct QueuedStart {
    private(set) var messageIDs: [MessageID]
    private(set) var drafts: [EventDraft] = []

    /// - Parameters:
    ///   - place: its place among the queued runs of the thread.
    ///   - merges: whether it takes the messages of all queued runs of its agent: these end.
    ///   - time: the time of its start; delayed ones are not merged before theirs.
    init(_ load: ThreadLoad, place: Int, merges: Bool, at time: Timestamp) {
        let queued = load.queue[place]
        messageIDs = queued.messageIDs
        if merges {
            for other in load.queue[(place + 1)...] where other.agent == queued.agent && other.host == queued.host {
                guard other.notBefore.map({ $0 <= time }) ?? true, !other.messageIDs.isEmpty,
                    messageIDs.count + other.messageIDs.count <= MessageList.maximumCount
                else { continue }
                messageIDs += other.messageIDs
                drafts.append(
                    EventDraft(
                        runID: other.run,
                        .agentCancelled(
                            AgentCancelled(reason: "merged", supersededBy: queued.run, durationMilliseconds: 0))))
            }
        }
        let started = AgentStarted(messageIDs: messageIDs, attempt: queued.attempt, retryOf: queued.retryOf)
        drafts.append(EventDraft(runID: queued.run, agent: queued.agent, .agentStarted(started)))
    }
}

/// The request that a run answers whose messages came earlier. They are not kept in memory while it waits, but read from the
/// log when it starts.
struct QueuedPrompt: Sendable {
    /// The number of events before the queued run that are looked at first: its message is mostly just before it.
    private static let nearCount: UInt64 = 16

    private let thread: ThreadID
    private let messages: [MessageID]
    /// The queued run, and the number of its first event.
    private var queued: (run: RunID, sequence: UInt64)?
    private let input: JSONValue?
    private let author: UserID

    init(_ entry: RunQueueStateMachine.Entry, _ messages: [MessageID]) {
        self.init(thread: entry.place.thread, messages: messages, input: nil, author: entry.user)
        queued = (entry.place.run, entry.sequence)
    }

    /// - Parameter input: stands for the messages when these were trimmed, or there are none.
    init(thread: ThreadID, messages: [MessageID], input: JSONValue?, author: UserID) {
        self.thread = thread
        self.messages = messages
        self.input = input
        self.author = author
    }

    /// The request of a run that was begun before.
    init(_ work: ResumedWork, thread: ThreadID, author: UserID) {
        self.init(
            thread: thread, messages: work.beginning.messageIDs, input: work.beginning.input,
            author: work.beginning.by ?? author)
        if let run = work.run { queued = (run.id, work.firstSequence) }
    }

    /// Reads the messages, in their order, as one request. When they were trimmed, the run's own input stands for them.
    func read(from log: any EventLog) async throws(EventLogError) -> UserPrompt {
        var found: [MessageID: UserMessage] = [:]
        var input = input
        if let queued {
            let near = queued.sequence > Self.nearCount ? queued.sequence - Self.nearCount : 0
            try await search(log, after: near, upTo: queued.sequence, &found, &input)
        }
        // Those that were merged into it came later; one that was given to another run before may be anywhere earlier.
        if found.count < messages.count { try await search(log, after: 0, upTo: .max, &found, &input) }
        let given = messages.compactMap { found[$0] }
        guard let last = given.last else {
            return UserPrompt(
                text: input?.stringValue ?? "", data: input?.stringValue == nil ? input : nil,
                messageID: messages.last ?? Self.noMessage, author: author)
        }
        return UserPrompt(
            text: given.map(\.text).joined(separator: "\n\n"), data: given.last { $0.data != nil }?.data,
            messageID: last.messageID, author: last.userID)
    }

    private static let noMessage: MessageID = "m_none"

    private func search(
        _ log: any EventLog,
        after start: UInt64,
        upTo end: UInt64,
        _ found: inout [MessageID: UserMessage],
        _ input: inout JSONValue?
    ) async throws(EventLogError) {
        var after = start
        while after < end, found.count < messages.count || end != .max {
            let page = try await log.read(LogRead(.thread(thread, after: after)))
            guard let last = page.events.last else { return }
            for stored in page.events where stored.id.sequence <= end {
                let event = try stored.decoded()
                if case .userMessage(let message) = event.payload, messages.contains(message.messageID) {
                    found[message.messageID] = message
                }
                if case .agentQueued(let first) = event.payload, event.runID == queued?.run { input = first.input }
            }
            after = last.id.sequence
        }
    }
}
