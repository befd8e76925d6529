// The kinds of name, one type each.

/// The name of an agent, as a frontend may show it.
public struct AgentName: Name {
    public static var kind: String { "agent name" }
    public let text: NameText
    public init(text: NameText) { self.text = text }
}

/// The name of a tool, as a frontend may show it.
public struct ToolName: Name {
    public static var kind: String { "tool name" }
    public let text: NameText
    public init(text: NameText) { self.text = text }
}
