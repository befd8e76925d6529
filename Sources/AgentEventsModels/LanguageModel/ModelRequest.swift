public import AgentEvents

/// A request to a model.
public struct ModelRequest: Hashable, Sendable {
    /// The role of the model, and the behaviour that is wanted; empty for none.
    public var instructions: String
    /// The conversation so far.
    public var transcript: Transcript
    /// The message in ``transcript`` that the run was asked with; what users have written to the run since comes after it. `nil`
    /// where no message in the log has asked it.
    public var question: MessageID?
    /// The run that asks, whose turns in ``transcript`` are what it has done so far; `nil` outside of a run.
    public var run: RunID?
    /// The tools that it may call.
    public var tools: [ToolDescription]
    /// The most tokens of the answer; at least 1. `nil` for the model's own limit.
    public var maximumOutputTokens: Int?

    public init(
        instructions: String = "",
        transcript: Transcript = Transcript(),
        question: MessageID? = nil,
        run: RunID? = nil,
        tools: [ToolDescription] = [],
        maximumOutputTokens: Int? = nil
    ) {
        self.instructions = instructions
        self.transcript = transcript
        self.question = question
        self.run = run
        self.tools = tools
        self.maximumOutputTokens = maximumOutputTokens
    }
}

/// A tool, as a model is told of it.
public struct ToolDescription: Hashable, Sendable {
    public var name: ToolName
    /// The purpose of the tool, and when to use it; for the model.
    public var text: String
    /// The JSON Schema of its arguments: of an object.
    public var parameters: JSONValue

    public init(name: ToolName, text: String, parameters: JSONValue) {
        self.name = name
        self.text = text
        self.parameters = parameters
    }
}
