import AgentEvents

/// A run to start.
struct AgentJob: Sendable {
    var agent: any ServedAgent
    var prompt: UserPrompt
    /// Made beforehand, so that the user who asked can be told.
    var run: RunID
    var thread: ThreadID
    /// The user the thread belongs to.
    var owner: UserID
}
