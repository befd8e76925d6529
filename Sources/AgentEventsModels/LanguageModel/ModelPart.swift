public import AgentEvents

/// A part of a model's answer.
@nonexhaustive
public enum ModelPart: Hashable, Sendable {
    /// A fragment of what it says; not empty.
    case text(String)
    /// A fragment of what it thinks; not empty.
    case thought(String)
    /// A call of a tool, whole.
    case call(ModelCall)
    /// The tokens of this answer, once, mostly as its last part.
    case usage(UsageReported)
}

/// A call of a tool, as a model asks for it. The ids that providers give are not used: some repeat them. Each call has an id of
/// its own in the log.
public struct ModelCall: Hashable, Sendable {
    /// The name of the tool, as the model wrote it; it may be one that does not exist.
    public var tool: String
    /// The arguments.
    public var arguments: ModelArguments

    public init(tool: String, arguments: ModelArguments) {
        self.tool = tool
        self.arguments = arguments
    }
}

/// The arguments of a call.
public enum ModelArguments: Hashable, Sendable {
    case json(JSONValue)
    /// The model has written something that is not JSON. The call is not carried out, and the model is told.
    case unreadable(String)
}
