/// A whole message, also for those who missed its fragments. On the wire: `message_completed`.
public struct MessageCompleted: Hashable, Sendable {
    /// The message; it is not reopened.
    public var message: MessageID
    /// Who speaks.
    public var role: MessageRole
    /// The whole text.
    public var text: String

    public init(message: MessageID, role: MessageRole = .assistant, text: String) {
        self.message = message
        self.role = role
        self.text = text
    }
}
