package import AgentEvents
import AgentEventsProtocol

/// The list of threads, and what a thread looked like.
extension AgentEventsHub {
    /// The state of a thread that a principal may read as it was after an event, as far as it may.
    ///
    /// - Throws: ``ProtocolError``: `thread.unknown`; `cursor.diverged`, `cursor.trimmed` or `cursor.unknown`; `state.too_far`.
    package func state(
        of thread: ThreadID,
        at cursor: Cursor,
        for principal: Principal
    ) async throws -> ThreadState {
        try await reading(thread, for: principal) { record, hidden in
            let resolved: ResolvedStart
            do throws(EventLogError) {
                resolved = try await runtime.log.resolve(
                    .after(cursor), in: thread, record: record, generation: runtime.generation)
            } catch {
                throw ProtocolError(error, threadID: thread)
            }
            return try await services.snapshots.state(
                of: thread, hiddenUpTo: hidden, upTo: try resolved.sequence(in: thread))
        }
    }

    /// The threads that a principal may read, those in which something happened last first.
    ///
    /// - Throws: ``ProtocolError``: `threads.unlisted` where there is no list; see ``ThreadListing``.
    package func threads(_ request: ThreadListRequest, for principal: Principal) async throws -> ThreadListPage {
        guard let listing = services.listing else { throw ProtocolError.threadsUnlisted }
        return try await listing.page(request, for: principal)
    }
}

extension ProtocolError {
    static let threadsUnlisted = ProtocolError(
        .threadsUnlisted, "this service has no list of threads: its log keeps none, or it was told to do without one")
}
