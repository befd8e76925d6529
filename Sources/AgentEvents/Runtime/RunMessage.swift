/// A message that is being said, inside of ``AgentRun/message(id:_:)``.
public struct RunMessage: Sendable {
    /// The message's id.
    public let id: MessageID
    let run: AgentRun

    /// Emits a fragment.
    public func append(_ text: String) async throws(AgentEventsError) {
        try await run.emit(.messageDelta(MessageDelta(messageID: id, text: text)))
    }

    /// Emits the elements of a sequence as fragments and completes the message; see ``AgentRun/say(contentsOf:id:)``.
    func stream<Fragments: AsyncSequence>(
        _ fragments: Fragments
    ) async throws -> String where Fragments.Element == String {
        var isOpen = false
        do {
            for try await fragment in fragments {
                if isOpen {
                    try await append(fragment)
                } else {
                    try await run.context.beginMessage(id, fragment, run: run.id)
                    isOpen = true
                }
                // A sequence need not notice that the task is cancelled.
                try Task.checkCancellation()
            }
            // Many sequences end early, without an error, when their task is cancelled.
            try Task.checkCancellation()
        } catch {
            guard isOpen else { throw error }
            do throws(AgentEventsError) {
                try await run.context.endMessage(id, run: run.id)
            } catch let unlogged {
                throw unlogged.endingAfter(error)
            }
            throw error
        }
        return isOpen ? try await run.context.completeMessage(id, run: run.id) : ""
    }
}

/// A thought that is being had, inside of ``AgentRun/withThought(id:_:)``. Its fragments share its id.
public struct RunThought: Sendable {
    /// The thought's id.
    public let id: ThoughtID
    let run: AgentRun

    /// Emits a fragment.
    public func append(_ text: String) async throws(AgentEventsError) {
        try await run.think(text, continuing: id)
    }
}
