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
        let started = AgentStarted(messageIDs: messageIDs)
        drafts.append(EventDraft(runID: queued.run, agent: queued.agent, .agentStarted(started)))
    }
}

/// The request that a queued run answers. It is not kept in memory while the run waits, but read from the log when it starts.
struct QueuedPrompt: Sendable {
    /// So many events before the queued run are looked at first: its message is mostly just before it.
    private static let nearCount: UInt64 = 16

    private let entry: RunQueueStateMachine.Entry
    private let messages: [MessageID]

    init(_ entry: RunQueueStateMachine.Entry, _ messages: [MessageID]) {
        self.entry = entry
        self.messages = messages
    }

    /// Reads the messages, in their order, as one request. When they were trimmed, the run's own input stands for them.
    func read(from log: any EventLog) async throws(EventLogError) -> UserPrompt {
        var found: [MessageID: UserMessage] = [:]
        let near = entry.sequence > Self.nearCount ? entry.sequence - Self.nearCount : 0
        let input = try await search(log, after: near, upTo: entry.sequence, &found)
        // Those that were merged into it came later; one that was given to another run before may be anywhere earlier.
        if found.count < messages.count { _ = try await search(log, after: 0, upTo: .max, &found) }
        let given = messages.compactMap { found[$0] }
        guard let last = given.last else {
            return UserPrompt(
                text: input?.stringValue ?? "", messageID: messages.last ?? Self.noMessage, author: entry.user)
        }
        return UserPrompt(
            text: given.map(\.text).joined(separator: "\n\n"), data: given.last { $0.data != nil }?.data,
            messageID: last.messageID, author: last.userID)
    }

    private static let noMessage: MessageID = "m_none"

    /// - Returns: the input of the queued run, where it was passed.
    private func search(
        _ log: any EventLog,
        after start: UInt64,
        upTo end: UInt64,
        _ found: inout [MessageID: UserMessage]
    ) async throws(EventLogError) -> JSONValue? {
        let thread = entry.place.thread
        var after = start
        var input: JSONValue?
        while after < end, found.count < messages.count || input == nil {
            let page = try await log.read(LogRead(.thread(thread, after: after)))
            guard let last = page.events.last else { break }
            for stored in page.events where stored.id.sequence <= end {
                let event: AgentEvent
                do throws(WireError) {
                    event = try EventDecoder.decode(stored.bytes)
                } catch {
                    throw EventLogError(.corrupt, "event \(stored.id) of thread \(thread) is unreadable", cause: error)
                }
                if case .userMessage(let message) = event.payload, messages.contains(message.messageID) {
                    found[message.messageID] = message
                }
                if case .agentQueued(let queued) = event.payload, event.runID == entry.place.run {
                    input = queued.input
                }
            }
            after = last.id.sequence
        }
        return input
    }
}
