package import AgentEvents

/// A request to log events of a thread, all or none.
package struct EmitRequest: Hashable, Sendable {
    /// The thread the events belong to; opened if there is none.
    package var thread: ThreadID
    /// Whose thread it is; `nil` for the user who asks.
    package var user: UserID?
    /// Names the request, so that sending it again logs nothing twice.
    package var key: IdempotencyKey?
    /// At least one.
    package var drafts: [EventDraft]

    package init(thread: ThreadID, user: UserID? = nil, key: IdempotencyKey? = nil, drafts: [EventDraft]) {
        self.thread = thread
        self.user = user
        self.key = key
        self.drafts = drafts
    }
}
