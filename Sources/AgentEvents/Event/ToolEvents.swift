/// A tool call starts. On the wire: `tool_executing`.
public struct ToolExecuting: Hashable, Sendable {
    /// Not open in its run. After its end the id may be used again, for another call.
    public var call: CallID
    /// Which tool.
    public var tool: ToolName
    /// What it is called with.
    public var arguments: JSONValue
    /// Why, for people.
    public var purpose: String?

    public init(call: CallID, tool: ToolName, arguments: JSONValue, purpose: String? = nil) {
        self.call = call
        self.tool = tool
        self.arguments = arguments
        self.purpose = purpose
    }
}

/// How far a tool call is. On the wire: `tool_progress`.
public struct ToolProgress: Hashable, Sendable {
    /// An open call.
    public var call: CallID
    /// In words.
    public var message: String?
    /// 0 to 1.
    public var fraction: Double?

    public init(call: CallID, message: String? = nil, fraction: Double? = nil) {
        self.call = call
        self.message = message
        self.fraction = fraction
    }
}

/// A tool call ends. On the wire: `tool_completed`.
public struct ToolCompleted: Hashable, Sendable {
    /// An open call.
    public var call: CallID
    /// The same tool as at its start.
    public var tool: ToolName
    /// How it ended.
    public var status: ToolStatus
    /// What it returned.
    public var result: JSONValue?
    /// What went wrong.
    public var error: ToolFailure?
    /// How long it took, in milliseconds; at least 0.
    public var durationMilliseconds: Int64

    public init(
        call: CallID,
        tool: ToolName,
        status: ToolStatus,
        result: JSONValue? = nil,
        error: ToolFailure? = nil,
        durationMilliseconds: Int64
    ) {
        self.call = call
        self.tool = tool
        self.status = status
        self.result = result
        self.error = error
        self.durationMilliseconds = durationMilliseconds
    }
}

/// How a tool call ended, by the names on the wire.
@nonexhaustive
public enum ToolStatus: String, CaseIterable, Sendable {
    case succeeded
    case failed
    case timedOut = "timed_out"
    case cancelled
    case denied
}

/// What went wrong in a tool call.
public struct ToolFailure: Hashable, Sendable {
    /// Dotted and stable, for programs: `file.unreadable`.
    public var code: String
    /// For people.
    public var message: String

    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}
