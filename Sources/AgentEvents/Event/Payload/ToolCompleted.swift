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
