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
