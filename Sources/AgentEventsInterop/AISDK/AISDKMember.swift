import AgentEvents
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
        // FNV-1a. Of two texts that have the same value the second is refused, since the log compares them.
        let digest = message.text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        return try AISDKInput.identifier("ai-sdk/submit/\(message.id)/\(String(digest, radix: 16))", "messages")
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
