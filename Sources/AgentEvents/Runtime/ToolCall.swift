/// A tool call that is under way, inside of the body given to `AgentRun.tool`.
public struct ToolCall: Sendable {
    /// The call's id.
    public let id: CallID
    /// The tool.
    public let tool: ToolName
    /// The run that made the call.
    public let run: AgentRun

    /// Emits how far the call is.
    ///
    /// - Parameter fraction: 0 to 1.
    public func progress(_ message: String? = nil, fraction: Double? = nil) async throws(AgentEventsError) {
        try await run.emit(.toolProgress(ToolProgress(callID: id, message: message, fraction: fraction)))
    }
}
