extension ThreadState {
    /// A fragment: of an open message, or of one that it opens.
    mutating func append(_ delta: MessageDelta, of event: AgentEvent) {
        updateRun(of: event) { _ in }
        guard let index = messageIndex(delta.message, run: event.run) else {
            messages.append(
                Message(
                    message: delta.message, role: .assistant, text: delta.text, isComplete: false, run: event.run,
                    agent: event.agent, time: event.time))
            return
        }
        guard !messages[index].isComplete else { return }
        messages[index].text += delta.text
        messages[index].time = event.time
    }

    /// The whole text of a message, whether there were fragments of it or not.
    mutating func complete(_ completed: MessageCompleted, by event: AgentEvent) {
        updateRun(of: event) { _ in }
        let message = Message(
            message: completed.message, role: completed.role, text: completed.text, isComplete: true, run: event.run,
            agent: event.agent, time: event.time)
        guard let index = messageIndex(completed.message, run: event.run) else {
            messages.append(message)
            return closeMessage(at: messages.count - 1)
        }
        guard !messages[index].isComplete else { return }
        messages[index] = message
        closeMessage(at: index)
    }

    /// Ends the messages of a run that has ended.
    mutating func closeMessages(of run: RunID) {
        guard messages.count > completeMessages.count else { return }
        for index in messages.indices.reversed() where messages[index].run == run && !messages[index].isComplete {
            messages[index].isComplete = true
            completeMessages.add(messages[index].byteCount)
        }
        dropMessages()
    }

    /// Counts a message that is complete from now on.
    mutating func closeMessage(at index: Int) {
        completeMessages.add(messages[index].byteCount)
        dropMessages()
    }

    private mutating func dropMessages() {
        while completeMessages.exceeds(count: limits.messageCount, byteCount: limits.messageByteCount) {
            guard let oldest = messages.firstIndex(where: \.isComplete) else { return }
            completeMessages.subtract(messages.remove(at: oldest).byteCount)
            dropped.messages += 1
        }
    }

    /// The newest message of a run with an id.
    private func messageIndex(_ message: MessageID, run: RunID?) -> Int? {
        messages.lastIndex { $0.message == message && $0.run == run && $0.user == nil }
    }
}
