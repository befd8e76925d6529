/// A tool call that has started and not ended.
struct OpenCall: Hashable, Sendable {
    /// The tool; the call's end names the same one.
    var tool: ToolName
    /// When `tool_executing` was accepted.
    var time: Timestamp
    /// Whether its body is known to have begun: it told its progress, was approved, or started a child run.
    var hasBegun = false
}
