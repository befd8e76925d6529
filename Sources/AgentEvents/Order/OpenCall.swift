/// A tool call that has started and not ended.
struct OpenCall: Hashable, Sendable {
    /// The tool; the call's end names the same one.
    var tool: ToolName
    /// When `tool_executing` was accepted.
    var time: Timestamp
    /// Set at the first sign that its body has begun: progress, an approval, or a child run.
    var hasBegun = false
    /// Approved while its run was paused: nothing of it has begun, and it waits for the end of the pause.
    var isHeld = false
    /// How its approval was refused, before it had begun; `nil` when it was not.
    var refusal: ApprovalDecision?
}
