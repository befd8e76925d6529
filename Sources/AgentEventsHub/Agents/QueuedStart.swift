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
                // Two runs that do one again have its messages both.
                let others = other.messageIDs.filter { !messageIDs.contains($0) }
                guard other.notBefore.map({ $0 <= time }) ?? true, !other.messageIDs.isEmpty,
                    messageIDs.count + others.count <= MessageList.maximumCount
                else { continue }
                messageIDs += others
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
    private let thread: ThreadID
    private let messages: [MessageID]
    /// The queued run.
    private var run: RunID?
    /// The number of an event that the messages, or most of them, came before; `nil` for the end of the thread.
    private var place: UInt64?
    private let input: JSONValue?
    private let author: UserID

    init(_ entry: RunQueueStateMachine.Entry, _ messages: [MessageID]) {
        self.init(
            thread: entry.place.thread, messages: messages, before: entry.sequence, input: nil, author: entry.user)
        run = entry.place.run
    }

    /// - Parameters:
    ///   - place: the number of an event that the messages came before; `nil` for the end of the thread.
    ///   - input: stands for the messages when these were trimmed, or there are none.
    init(thread: ThreadID, messages: [MessageID], before place: UInt64?, input: JSONValue?, author: UserID) {
        self.thread = thread
        self.messages = messages
        self.place = place
        self.input = input
        self.author = author
    }

    /// The request of a run that was begun before.
    init(_ work: ResumedWork, thread: ThreadID, author: UserID) {
        self.init(
            thread: thread, messages: work.beginning.messageIDs, before: work.run == nil ? nil : work.firstSequence,
            input: work.beginning.input, author: work.beginning.by ?? author)
        run = work.run?.id
    }

    /// Reads the messages, in their order, as one request. When they were trimmed, the run's own input stands for them.
    func read(from log: any EventLog) async throws(EventLogError) -> UserPrompt {
        let head = place == nil ? try await log.thread(thread)?.head.sequence : nil
        var search = MessageSearch(messages, in: thread, run: run, from: place ?? head ?? 0)
        // Mostly they are just before the run's first event.
        var hasMore = try await search.lookBack(in: log)
        // Those that were merged into it came later, and those that were given to another run before it came earlier.
        if run != nil, !search.hasAll { try await search.lookAhead(in: log) }
        while hasMore, !search.hasAll { hasMore = try await search.lookBack(in: log) }
        let given = messages.compactMap { search.found[$0] }
        let input = search.input ?? input
        guard let last = given.last else {
            return UserPrompt(
                text: input?.stringValue ?? "", data: input?.stringValue == nil ? input : nil,
                messageID: messages.last ?? Self.noMessage, author: author)
        }
        var prompt = UserPrompt(
            text: given.map(\.text).joined(separator: "\n\n"), data: given.last { $0.data != nil }?.data,
            messageID: last.messageID, author: last.userID)
        prompt.trace = given.last { $0.trace != nil }?.trace
        return prompt
    }

    private static let noMessage: MessageID = "m_none"
}
