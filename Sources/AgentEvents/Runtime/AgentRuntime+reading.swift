// Reading in the process: events as they come, and states.

extension AgentRuntime {
    /// The events of a thread from a position on, as an asynchronous sequence that continues with the events committed
    /// later.
    ///
    /// A thread without events is not an error: the sequence waits for the first one.
    ///
    /// - Parameters:
    ///   - start: where the sequence begins.
    ///   - end: where the sequence ends; `nil` for as long as the runtime runs.
    /// - Throws: ``AgentEventsError``: `thread.forbidden` when the thread belongs to another user; `cursor.diverged`,
    ///   `cursor.trimmed` or `cursor.unknown` when the log has no event with the cursor's id; or an error of the log.
    public func events(
        user: UserID,
        thread: ThreadID,
        from start: StartPosition = .start,
        upTo end: EndPosition? = nil
    ) async throws(AgentEventsError) -> ThreadEvents {
        ThreadEvents(stored: try await storedEvents(user: user, thread: thread, from: start, upTo: end))
    }

    /// The same events in the bytes in which the log holds them, with a marker at the place at which the reader has
    /// caught up.
    ///
    /// - Parameters:
    ///   - start: where the sequence begins.
    ///   - end: where the sequence ends; `nil` for as long as the runtime runs.
    /// - Throws: as ``events(user:thread:from:upTo:)``.
    public func storedEvents(
        user: UserID,
        thread: ThreadID,
        from start: StartPosition = .start,
        upTo end: EndPosition? = nil
    ) async throws(AgentEventsError) -> StoredThreadEvents {
        let record = try await mapLogError { () async throws(EventLogError) in try await log.thread(thread) }
        if let record, record.user != user { throw .forbidden(thread) }
        let resolved = try await mapLogError { () async throws(EventLogError) in
            try await log.resolve(start, in: thread, record: record, generation: generation)
        }
        let after: UInt64
        switch resolved {
        case .position(let position):
            after = position
        case .diverged:
            throw AgentEventsError(
                .cursorDiverged,
                "the cursor is of another history of thread \(thread) than the log has: read again from the start")
        case .trimmed:
            throw .trimmed(thread)
        case .unknown:
            throw AgentEventsError(
                .cursorUnknown, "the cursor is beyond the end of thread \(thread): read again from the start")
        }
        let head = record?.head
        let cursor: Cursor? =
            if case .after(let cursor) = start { cursor } else { head?.sequence == after ? head : nil }
        let last: UInt64? =
            switch end {
            case .now: head?.sequence ?? 0
            case nil: nil
            }
        return StoredThreadEvents(
            thread: thread, after: after, cursor: cursor, end: last, log: log, watchers: watchers)
    }

    /// The state of a thread after everything that was committed before the call: its messages, runs, open calls and
    /// approvals. ``ThreadState/cursor`` is the event that the state is as of; the events after it lead on:
    ///
    /// ```swift
    /// var state = try await runtime.state(of: "t_7", user: "u_1")
    /// let start = state.cursor.map { StartPosition.after($0) } ?? .start
    /// for try await event in try await runtime.events(user: "u_1", thread: "t_7", from: start) { state.apply(event) }
    /// ```
    ///
    /// It is folded from the newest state that the log has stored (``StateStore``), or from the oldest event that is
    /// kept. A thread without events has an empty state, without a cursor.
    ///
    /// - Throws: ``AgentEventsError``: `thread.forbidden` when the thread belongs to another user, or an error of the
    ///   log.
    public func state(of thread: ThreadID, user: UserID) async throws(AgentEventsError) -> ThreadState {
        let record = try await mapLogError { () async throws(EventLogError) in try await log.thread(thread) }
        guard let record else { return ThreadState() }
        guard record.user == user else { throw .forbidden(thread) }
        return try await mapLogError { () async throws(EventLogError) in
            try await ThreadFold.state(of: thread, in: log)
        }
    }
}
