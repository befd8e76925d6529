import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// Has a translation note what a thread has, for a client that comes in the middle.
enum ThreadPart {
    /// Reads a thread as far as a principal may, page by page, up to its end.
    ///
    /// - Parameter end: the last event that is noted.
    /// - Returns: the translation, and the last event that it has noted; `nil` for none.
    /// - Throws: ``ProtocolError``, `thread.unknown` for a thread that is not there or may not be read.
    static func noting<Translation: StreamTranslation>(
        _ thread: ThreadID,
        in translation: Translation,
        of hub: AgentEventsHub,
        for principal: Principal,
        upTo end: UInt64 = .max
    ) async throws -> (Translation, Cursor?) {
        try await hub.reading(thread, for: principal) { record, hidden in
            var noting = translation
            var last: Cursor?
            var after = max(hidden, record.oldest.sequence - 1)
            let end = min(end, record.head.sequence)
            while after < end {
                let page = try await hub.runtime.log.read(LogRead(.thread(thread, after: after)))
                guard !page.events.isEmpty else { break }
                for stored in page.events where stored.id.sequence <= end {
                    noting.note(try stored.decoded())
                    last = stored.id
                }
                after = page.events.last?.id.sequence ?? end
            }
            return (noting, last)
        }
    }
}

/// The place in a thread just before a run.
struct PlaceBeforeRun: Hashable, Sendable {
    /// `nil` when the run's first event is the thread's oldest.
    var cursor: Cursor?
    /// The thread's last event.
    var head: Cursor

    /// - Throws: ``ProtocolError`` `thread.unknown`, and `run.unknown` for a run whose first event is not kept, or is hidden from the
    ///   principal.
    static func find(
        _ run: RunID,
        in thread: ThreadID,
        of hub: AgentEventsHub,
        for principal: Principal
    ) async throws -> PlaceBeforeRun {
        try await hub.reading(thread, for: principal) { record, hidden in
            var place = PlaceBeforeRun(cursor: nil, head: record.head)
            var after = max(hidden, record.oldest.sequence - 1)
            if let log = hub.runtime.log as? any RunIndexedLog,
                let first = try await log.firstSequence(of: run, in: thread), first > after + 1
            {
                after = first - 2
            }
            while true {
                let page = try await hub.runtime.log.read(LogRead(.thread(thread, after: after)))
                guard let last = page.events.last else { break }
                for stored in page.events {
                    let event = try stored.decoded()
                    if event.runID == run {
                        guard event.type?.beginsRun == true else { throw hasNoBeginning(thread) }
                        return place
                    }
                    place.cursor = stored.id
                }
                after = last.id.sequence
            }
            throw hasNoBeginning(thread)
        }
    }

    private static func hasNoBeginning(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .runUnknown, "the beginning of this run is not kept any longer, or is hidden", threadID: thread)
    }
}
