/// A tool call that is under way, inside of the body given to `AgentRun.tool`.
public struct ToolCall: Sendable {
    /// The call's id.
    public let id: CallID
    /// The tool.
    public let tool: ToolName
    /// The run that made the call.
    public let run: AgentRun
    /// The arguments: those that the call was made with, or those that its approval has put in their place.
    public let arguments: JSONValue
    /// The approval that the call has waited for; its form is the data of the answer, if it has any. `nil` when it was not
    /// asked for one (``ToolApproval``).
    public let approval: ApprovedAnswer<JSONValue?>?

    /// Emits how far the call is.
    ///
    /// - Parameter fraction: 0 to 1.
    public func progress(_ message: String? = nil, fraction: Double? = nil) async throws(AgentEventsError) {
        try await run.emit(.toolProgress(ToolProgress(callID: id, message: message, fraction: fraction)))
    }
}
