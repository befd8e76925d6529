package import AgentEvents

/// One thing that happened to a producer or a client: a line of a history.
///
/// The records of one client stand in the order in which they happened; all others may stand anywhere.
package enum HistoryRecord: Sendable {
    /// A producer asked for events to be emitted. The same key again in the same thread is the same emission.
    case attempted(HistoryAttempt)
    /// A producer was told that its events are committed.
    ///
    /// - Parameter attempt: whose events they are; `nil` when it was not recorded.
    case acknowledged(attempt: String?, thread: ThreadID, ids: [EventID])
    /// A producer was told that nothing of its attempt was logged, nor will be.
    case refused(attempt: String)
    /// An event that the log holds at the end, in the log's order within its thread. When there is one of a thread, all of
    /// the thread's are there.
    case logged(bytes: [UInt8])
    /// A client subscribed, and the service answered where it begins: behind this event, or with the first one (`nil`).
    case subscribed(client: String, user: UserID?, thread: ThreadID, after: EventID?)
    /// A client received an event.
    case seen(client: String, bytes: [UInt8])
    /// A client was told that its cursor is of no use: what comes next is the oldest event that is kept.
    case reset(client: String, thread: ThreadID, HistoryReset)
    /// A client acknowledged everything up to an event.
    case acknowledgedByClient(client: String, thread: ThreadID, cursor: EventID)
    /// The service said, at the end or in between, what it sent to a client and what the client acknowledged.
    case reported(client: String, thread: ThreadID, acknowledged: EventID?, sent: EventID?)
    /// A client went away before the end: it need not have seen everything.
    case left(client: String)
}

/// What a producer asked for.
package struct HistoryAttempt: Sendable {
    /// Any name that no other attempt has.
    package var name: String
    package var thread: ThreadID
    /// Whose thread it is; `nil` when the producer did not say.
    package var user: UserID?
    package var key: IdempotencyKey?
    package var drafts: [EventDraft]

    package init(
        name: String,
        thread: ThreadID,
        user: UserID? = nil,
        key: IdempotencyKey? = nil,
        drafts: [EventDraft]
    ) {
        self.name = name
        self.thread = thread
        self.user = user
        self.key = key
        self.drafts = drafts
    }
}
