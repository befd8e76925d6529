import AgentEvents

/// A run that has started, and that an agent has to work for.
struct AgentJob: Sendable {
    var agent: any ServedAgent
    var run: AcceptedRun
    var place: RunQueueStateMachine.Place
    /// The user who asked for the run; `nil` for the author of the message that it answers.
    var author: UserID?
    /// The request that it is to answer.
    var prompt: @Sendable (AgentRun) async throws -> UserPrompt
    /// The work that the log has of it, when another process has begun it.
    var resumed: ResumedWork?
}
