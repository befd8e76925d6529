import AgentEvents

/// Reads the events of one request, all or none.
struct DraftBatch {
    /// At most so many events.
    var maximumCount: Int
    /// Where the events stand in the request.
    var root: DraftRoot

    /// - Throws: ``ProtocolError`` with the index of the event at fault and the path to the fault.
    func decode(_ events: [JSONValue], thread: ThreadID) throws(ProtocolError) -> [EventDraft] {
        try checkCount(events.count)
        var drafts: [EventDraft] = []
        drafts.reserveCapacity(events.count)
        for (index, event) in events.enumerated() {
            do throws(WireError) {
                drafts.append(try EventDecoder.decodeDraft(event, path: root.path(of: index), thread: thread))
            } catch {
                throw ProtocolError(error, index: index)
            }
        }
        return drafts
    }

    func checkCount(_ count: Int) throws(ProtocolError) {
        guard count > 0 else {
            throw ProtocolError(.emptyBatch, "a request has at least one event", path: root.batchPath)
        }
        guard count <= maximumCount else {
            throw ProtocolError(
                .batchTooLarge,
                "a request has at most \(maximumCount) events, this one has \(count): split it",
                path: root.batchPath
            )
        }
    }
}
