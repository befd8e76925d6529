/// A fragment of a message; the first one opens the message. On the wire: `message_delta`.
public struct MessageDelta: Hashable, Sendable {
    /// Fragments of one message share it.
    public var message: MessageID
    /// The fragment.
    public var text: String

    public init(message: MessageID, text: String) {
        self.message = message
        self.text = text
    }
}
