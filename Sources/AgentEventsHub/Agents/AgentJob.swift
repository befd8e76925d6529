import AgentEvents

/// One run that is to be made.
struct AgentJob: Sendable {
    var agent: any ServedAgent
    var prompt: UserPrompt
    /// Made beforehand, so that whoever asked can be told.
    var run: RunID
    var thread: ThreadID
    /// The user the thread belongs to.
    var owner: UserID
}
