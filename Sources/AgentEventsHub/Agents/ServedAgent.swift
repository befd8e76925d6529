public import AgentEvents

/// An agent that people can talk to through the service.
public protocol ServedAgent: Sendable {
    /// The name under which it is asked for. One agent of each name.
    var name: AgentName { get }

    /// Answers a message of a user. What was said in the thread before is the run's history: `run.history()`.
    ///
    /// Called in a task of its own, between `agent_started` and the end of the run; several calls may run at once. What
    /// it returns stands in `agent_completed`, what it throws in `agent_failed`. When the service stops and the agent
    /// has not ended within the grace period, its run is ended as `agent_cancelled`, reason `shutdown` (that of a
    /// ``ResumableAgent`` stays open for the next process), and its task is cancelled: it returns or throws soon. One that
    /// does not keeps the process from ending by itself.
    ///
    /// - Returns: the run's result, or `nil` for none.
    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue?
}

/// The request of a user to an agent.
public struct UserPrompt: Hashable, Sendable {
    /// The text that the user wrote.
    public var text: String
    /// Further data of the message, such as attachments; any JSON value. `nil` for none.
    public var data: JSONValue?
    /// The `user_message` that holds it.
    public var messageID: MessageID
    /// The user who wrote it.
    public var author: UserID
    /// The place in a trace from which it was asked for, as far as that is known.
    package var trace: TraceContext?

    public init(text: String, data: JSONValue? = nil, messageID: MessageID, author: UserID) {
        self.text = text
        self.data = data
        self.messageID = messageID
        self.author = author
    }
}
