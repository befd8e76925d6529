import AgentEvents
package import AgentEventsProtocol

/// What the AI SDK's chat transport posts. Of the messages only the last one counts: the log has the others.
package struct AISDKInput: Hashable, Sendable {
    /// An answer to a question, in a part of the assistant's last message.
    struct Answer: Hashable, Sendable {
        let approval: String
        let isApproved: Bool
    }

    enum Kind: Hashable, Sendable {
        /// A user's message.
        case message(id: String, text: String)
        /// The last one is the assistant's: a person has answered.
        ///
        /// - Parameter after: where the part of the message ended that the client has; `nil` if it does not say so.
        case answers([Answer], after: Cursor?)
        /// The run is to be done again whose message the client names; `nil` for the last one.
        case regenerate(message: String?)
    }

    let thread: ThreadID
    let kind: Kind

    /// - Throws: ``ProtocolError`` `request.invalid` with the path to the fault.
    package init(_ bytes: [UInt8]) throws(ProtocolError) {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        thread = try Self.identifier(json["id"]?.stringValue ?? "", "id")
        let last = json["messages"]?.arrayValue?.last
        if json["trigger"]?.stringValue == "regenerate-message" {
            kind = .regenerate(message: json["messageId"]?.stringValue)
        } else if last?["role"]?.stringValue == "user", let last {
            let parts = last["parts"]?.arrayValue ?? []
            let text = parts.compactMap { $0["type"]?.stringValue == "text" ? $0["text"]?.stringValue : nil }
                .joined(separator: "\n")
            guard !text.isEmpty, let id = last["id"]?.stringValue else {
                throw ProtocolError(.requestInvalid, "the last message has an id and a text", path: "$.messages")
            }
            kind = .message(id: id, text: text)
        } else if last?["role"]?.stringValue == "assistant" {
            kind = .answers(
                Self.answers(in: last?["parts"]?.arrayValue ?? []), after: try Self.cursor(in: last?["metadata"]))
        } else {
            throw ProtocolError(.requestInvalid, "there is a message of a user to answer", path: "$.messages")
        }
    }

    private static func answers(in parts: [JSONValue]) -> [Answer] {
        var ids: Set<String> = []
        return parts.compactMap { part in
            guard part["state"]?.stringValue == "approval-responded", let approval = part["approval"],
                let id = approval["id"]?.stringValue, let isApproved = approval["approved"]?.boolValue,
                ids.insert(id).inserted
            else { return nil }
            return Answer(approval: id, isApproved: isApproved)
        }
    }

    /// As the finish of the part before told it.
    private static func cursor(in metadata: JSONValue?) throws(ProtocolError) -> Cursor? {
        guard let value = metadata?[AISDKChunks.metadata]?["cursor"] else { return nil }
        guard let cursor = value.stringValue.flatMap({ Cursor($0) }) else {
            throw ProtocolError(
                .requestInvalid, "the cursor of a message's metadata is the one that was sent with it",
                path: "$.messages")
        }
        return cursor
    }

    static func identifier<Kind: Identifier>(_ text: String, _ name: String) throws(ProtocolError) -> Kind {
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(.requestInvalid, error.message, path: "$.\(name)")
        }
    }
}

/// Members that this package adds to the data of a user's message that came by the AI SDK.
enum AISDKMember {
    static let data = "ai_sdk"
    static let messageID = "message_id"

    /// The id of a message as its client named it.
    static func id(of message: UserMessage) -> String {
        message.data?[data]?[messageID]?.stringValue ?? message.messageID.rawValue
    }
}
