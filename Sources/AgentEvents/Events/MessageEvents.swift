/// A fragment of a message; the first one opens the message. On the wire: `message_delta`.
public struct MessageDelta: Hashable, Sendable {
    /// Fragments of one message share it.
    public var messageID: MessageID
    /// The fragment.
    public var text: String

    public init(messageID: MessageID, text: String) {
        self.messageID = messageID
        self.text = text
    }
}

/// A whole message, also for readers that missed its fragments. On the wire: `message_completed`.
public struct MessageCompleted: Hashable, Sendable {
    /// The message; it is not reopened.
    public var messageID: MessageID
    /// The speaker.
    public var role: MessageRole
    /// The whole text.
    public var text: String
    /// Marks a message that broke off; another one says it again.
    public var isInterrupted: Bool

    public init(messageID: MessageID, role: MessageRole = .assistant, text: String, isInterrupted: Bool = false) {
        self.messageID = messageID
        self.role = role
        self.text = text
        self.isInterrupted = isInterrupted
    }
}

/// The speaker of a message, by the names on the wire.
@nonexhaustive
public enum MessageRole: String, CaseIterable, Sendable {
    case assistant
    case user
    case system
    case tool
}

/// A user's message. Belongs to the thread, not to a run. On the wire: `user_message`.
public struct UserMessage: Hashable, Sendable {
    /// The message.
    public var messageID: MessageID
    /// The user who wrote it.
    public var userID: UserID
    /// The text as it was written.
    public var text: String
    /// Further data that came with it.
    public var data: JSONValue?
    /// The message in whose place this one stands.
    public var replaces: MessageID?
    /// The run under way that is given the message as input. If it ends without having taken it (``InputTaken``), a run is
    /// queued for the message, next to that end.
    public var givenTo: RunID?
    /// The place in a trace from which the message was sent; see ``TraceContext``.
    public var trace: TraceContext?

    public init(
        messageID: MessageID,
        userID: UserID,
        text: String,
        data: JSONValue? = nil,
        replaces: MessageID? = nil,
        givenTo: RunID? = nil,
        trace: TraceContext? = nil
    ) {
        self.messageID = messageID
        self.userID = userID
        self.text = text
        self.data = data
        self.replaces = replaces
        self.givenTo = givenTo
        self.trace = trace
    }
}
