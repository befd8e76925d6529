internal import AgentEvents
internal import AgentEventsClient

/// Emits batches, prints the ids, and says which line was at fault when one is refused.
struct BatchSender {
    let emitter: EventEmitter
    let user: UserID?

    func send(_ drafts: [NumberedDraft], thread: ThreadID) async throws {
        let cursors: [Cursor]
        do {
            cursors = try await emitter.emit(drafts.map(\.value), thread: thread, user: user)
        } catch let error as AgentEventsClientError {
            guard let refusal = error.refusal else { throw error }
            throw InputError(message: Self.text(refusal, drafts))
        }
        for cursor in cursors { try StandardOutput.write(cursor.description) }
    }

    private static func text(_ refusal: Refusal, _ drafts: [NumberedDraft]) -> String {
        let place =
            if let index = refusal.index, drafts.indices.contains(index) {
                "line \(drafts[index].line)"
            } else if let first = drafts.first, let last = drafts.last, first.line != last.line {
                "lines \(first.line) to \(last.line)"
            } else {
                "line \(drafts.first?.line ?? 1)"
            }
        var text = "\(place): \(refusal.code): \(refusal.message)"
        // The service's message may say it all already.
        if let state = refusal.state, !text.contains(state) { text += " (state: \(state))" }
        if let legal = refusal.legal, !legal.isEmpty {
            let list = legal.joined(separator: ", ")
            if !text.contains(list) { text += " (legal now: \(list))" }
        }
        if drafts.count > 1 { text += "; no event of this batch was logged" }
        return text
    }
}
