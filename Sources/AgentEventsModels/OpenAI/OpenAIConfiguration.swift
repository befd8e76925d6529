public import AgentEvents

/// The two forms in which OpenAI and the servers compatible with it take requests.
@nonexhaustive
public enum OpenAIDialect: String, Hashable, Sendable {
    /// `POST …/chat/completions`, which nearly all of them know.
    case chatCompletions
    /// `POST …/responses`, which tells the thoughts of OpenAI's own models in summaries.
    case responses
}

/// The settings of an ``OpenAICompatibleModel``.
public struct OpenAIConfiguration: Hashable, Sendable {
    /// The longest time until the first byte of an answer, with the connection: at least a millisecond. Default: 300 seconds, since some
    /// read a long conversation, or think, before they send anything.
    public var firstByteTimeout: Duration
    /// The longest time between two pieces of an answer, in which comments count: at least a millisecond. Default: 300 seconds. The time
    /// in which nobody takes the answer, as while a run is paused, does not count.
    public var idleTimeout: Duration
    /// The member for the most tokens of an answer in chat completions. Default: `max_tokens`. The models of OpenAI that reason want
    /// `max_completion_tokens`.
    public var outputLimitName: String
    /// The member under which chat completions are told what the model thought in earlier turns, where the transcript has it:
    /// `reasoning_content` for DeepSeek. Default: `nil`, they are not told.
    public var thoughtsName: String?
    /// Further members of each request, as `{"temperature":0.2}`. One that the client sets itself is replaced, and left out by `null`.
    /// Default: none.
    public var parameters: JSONObject

    public init(
        firstByteTimeout: Duration = .seconds(300),
        idleTimeout: Duration = .seconds(300),
        outputLimitName: String = "max_tokens",
        thoughtsName: String? = nil,
        parameters: JSONObject = [:]
    ) {
        self.firstByteTimeout = firstByteTimeout
        self.idleTimeout = idleTimeout
        self.outputLimitName = outputLimitName
        self.thoughtsName = thoughtsName
        self.parameters = parameters
    }
}
