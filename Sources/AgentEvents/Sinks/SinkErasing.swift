/// Tells one sink, and its dead letters, of deletions; for its pump.
struct SinkErasing: Sendable {
    let sink: any EventSink
    let deletions: SinkDeletions
    let recipient: SinkDeletions.Recipient

    /// The first deletion that the sink is to be told of.
    var next: ThreadDeletedRecord? { deletions.next(for: recipient) }

    /// Whether a page has events of a thread that was deleted since it was read.
    func isStale(_ page: LogPage) -> Bool { deletions.concern(page.events.lazy.map(\.thread), of: recipient) }

    /// Has the dead letters erased, then tells the sink: the letters are there even where the sink is not.
    ///
    /// - Returns: the error when something is left of the thread.
    func refused(_ deletion: ThreadDeletedRecord) async -> (any Error)? {
        let durable = sink as? DurableSink
        do {
            if let letters = durable?.deadLetters as? any ErasingDeadLetterStore {
                try await letters.erase(deletion.thread)
            }
            if let sink = (durable?.sink ?? sink) as? any DeletionSink { try await sink.receive(deletion) }
            return nil
        } catch {
            return error
        }
    }

    /// Returns when it is stored that the sink has taken the deletion.
    func didTake(_ deletion: ThreadDeletedRecord) async throws(SinkError) {
        do throws(EventLogError) {
            try await deletions.didTake(deletion, by: recipient)
        } catch {
            throw SinkError(
                .offsetNotSaved, "that \(sink.name) took a deletion cannot be saved: \(error)", cause: error)
        }
    }
}
