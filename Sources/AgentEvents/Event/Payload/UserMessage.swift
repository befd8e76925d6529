/// A user's message. Belongs to the thread, not to a run. On the wire: `user_message`.
public struct UserMessage: Hashable, Sendable {
    /// The message.
    public var message: MessageID
    /// Who wrote it.
    public var user: UserID
    /// What was written.
    public var text: String
    /// What else came with it.
    public var data: JSONValue?

    public init(message: MessageID, user: UserID, text: String, data: JSONValue? = nil) {
        self.message = message
        self.user = user
        self.text = text
        self.data = data
    }
}
