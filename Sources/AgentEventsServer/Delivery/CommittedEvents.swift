import AgentEvents

/// What a commit holds of one thread, framed, and whose thread it is.
struct CommittedEvents: Sendable {
    let owner: UserID
    let events: FramedEvents
}
