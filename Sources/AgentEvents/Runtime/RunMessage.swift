/// A message that is being said, inside of ``AgentRun/message(_:)``.
public struct RunMessage: Sendable {
    /// The message's id.
    public let id: MessageID
    let run: AgentRun

    /// Emits a fragment.
    public func append(_ text: String) async throws(AgentEventsError) {
        try await run.emit(.messageDelta(MessageDelta(message: id, text: text)))
    }
}
