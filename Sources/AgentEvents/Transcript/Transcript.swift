/// A conversation as a language model is told of it: who said what, and each call of a tool with the one result that it has.
///
/// It is a fold of the log (``TranscriptFold``), so a model is told what people saw. A call without a result, or with two, cannot
/// be written down in it.
public struct Transcript: Hashable, Sendable {
    /// The parts of the conversation, oldest first.
    public var items: [TranscriptItem]
    /// Whether nothing that was said earlier is missing: `false` when the retention has trimmed it, and when older items were left
    /// out because of a limit.
    public var isComplete: Bool

    public init(items: [TranscriptItem] = [], isComplete: Bool = true) {
        self.items = items
        self.isComplete = isComplete
    }
}

/// A part of a conversation.
@nonexhaustive
public enum TranscriptItem: Hashable, Sendable {
    /// A user has written.
    case user(TranscriptMessage)
    /// An agent has answered, with or without calls.
    case assistant(TranscriptTurn)
}

/// A message of a user.
public struct TranscriptMessage: Hashable, Sendable {
    public var id: MessageID
    /// The user who wrote it.
    public var author: UserID
    public var text: String
    /// Further data that came with it; any JSON value. `nil` for none.
    public var data: JSONValue?

    public init(id: MessageID, author: UserID, text: String, data: JSONValue? = nil) {
        self.id = id
        self.author = author
        self.text = text
        self.data = data
    }
}

/// One answer of a model, and what its calls came to.
public struct TranscriptTurn: Hashable, Sendable {
    /// The run that it belongs to.
    public var run: RunID
    /// The agent that answered.
    public var agent: AgentName
    /// The thoughts, when they were asked for; otherwise empty.
    public var thoughts: [String]
    /// The text that was said; empty when the agent only called tools.
    public var text: String
    /// The calls, in the order in which they were made, each with its result.
    public var calls: [TranscriptCall]

    public init(
        run: RunID,
        agent: AgentName,
        thoughts: [String] = [],
        text: String = "",
        calls: [TranscriptCall] = []
    ) {
        self.run = run
        self.agent = agent
        self.thoughts = thoughts
        self.text = text
        self.calls = calls
    }
}

/// A call of a tool, with its result.
public struct TranscriptCall: Hashable, Sendable {
    public var id: CallID
    public var tool: ToolName
    public var arguments: JSONValue
    public var result: TranscriptResult

    public init(id: CallID, tool: ToolName, arguments: JSONValue, result: TranscriptResult) {
        self.id = id
        self.tool = tool
        self.arguments = arguments
        self.result = result
    }
}

/// The result of a call.
public enum TranscriptResult: Hashable, Sendable {
    /// The call succeeded.
    ///
    /// - Parameter value: the result of the tool; `nil` when it has none.
    case succeeded(JSONValue?)
    /// The call did not succeed.
    ///
    /// - Parameters:
    ///   - code: dotted and stable: `approval.denied`, `tool.lost`; that of a call that is still open is `tool.open`.
    ///   - sentence: what happened, in words for a model.
    case failed(code: String, sentence: String)
}
