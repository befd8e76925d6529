import AgentEvents
import AgentEventsHub
import AgentEventsProtocol

/// Members that this package adds to the data of a user's message that came by the AI SDK.
enum AISDKMember {
    static let data = "ai_sdk"
    static let messageID = "message_id"

    /// The id of a message as its client named it.
    static func id(of message: UserMessage) -> String {
        message.data?[data]?[messageID]?.stringValue ?? message.messageID.rawValue
    }

    /// The key of a message: the same text under the same id is the same message, and another text is an edited one.
    static func key(of message: AISDKInput.Message) throws(ProtocolError) -> IdempotencyKey {
        // Of two texts with the same beginning of the hash the second is refused, since the log compares requests with one key.
        let digits = Hexadecimal.text(of: SHA256Hash.hash(Array(message.text.utf8)).prefix(8))
        return try AISDKInput.identifier("ai-sdk/submit/\(message.id)/\(digits)", "messages")
    }
}

extension ThreadState {
    /// The newest message of a user that a client of the AI SDK has named so, before another one.
    func message(named id: String, before message: MessageID) -> Message? {
        messages.prefix { $0.messageID != message }.last {
            $0.userID != nil && $0.data?[AISDKMember.data]?[AISDKMember.messageID]?.stringValue == id
        }
    }
}
