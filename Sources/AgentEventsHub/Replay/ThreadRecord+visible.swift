import AgentEvents

extension ThreadRecord {
    /// The record for somebody from whom the events up to a sequence number are hidden: as if these were trimmed.
    ///
    /// - Parameters:
    ///   - hidden: the last hidden event; 0 for none.
    ///   - id: looks up the id of the event with a number; `nil` when it is not kept.
    func visible(
        hiddenUpTo hidden: UInt64,
        _ id: (UInt64) async throws(EventLogError) -> EventID?
    ) async throws(EventLogError) -> ThreadRecord {
        guard hidden >= oldest.sequence else { return self }
        var record = self
        let first = hidden < head.sequence ? try await id(hidden + 1) : nil
        // No event has this id (yet).
        record.oldest = first ?? EventID(generation: head.generation, sequence: head.sequence + 1)
        return record
    }
}
