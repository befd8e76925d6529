import AgentEvents
package import AgentEventsProtocol

/// What the AI SDK's chat transport posts. Of the messages only the last one counts: the log has the others.
package struct AISDKInput: Hashable, Sendable {
    /// An answer to a question, in a part of the assistant's last message.
    struct Answer: Hashable, Sendable {
        let approval: String
        let isApproved: Bool
    }

    /// A user's message.
    struct Message: Hashable, Sendable {
        /// As its client names it. It stays when the message is edited.
        let id: String
        let text: String
    }

    enum Kind: Hashable, Sendable {
        case message(Message)
        /// The last one is the assistant's: a person has answered.
        ///
        /// - Parameters:
        ///   - message: the id of that message.
        ///   - after: where the part of the message ended that the client has; `nil` if it does not say so.
        case answers([Answer], message: String?, after: Cursor?)
        /// The run is to be done again whose message the client names; `nil` for the last one.
        ///
        /// - Parameter last: the user's message that is to be answered, which may not have come before; `nil` when the last message is the
        ///   assistant's.
        case regenerate(message: String?, last: Message?)
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
            kind = .regenerate(message: json["messageId"]?.stringValue, last: Self.message(last))
        } else if last?["role"]?.stringValue == "user" {
            guard let message = Self.message(last) else {
                throw ProtocolError(.requestInvalid, "the last message has an id and a text", path: "$.messages")
            }
            kind = .message(message)
        } else if last?["role"]?.stringValue == "assistant" {
            kind = .answers(
                Self.answers(in: last?["parts"]?.arrayValue ?? []), message: last?["id"]?.stringValue,
                after: try Self.cursor(in: last?["metadata"]))
        } else {
            throw ProtocolError(.requestInvalid, "there is a message of a user to answer", path: "$.messages")
        }
    }

    /// - Returns: `nil` for what is not a user's, or has no id or no text.
    private static func message(_ json: JSONValue?) -> Message? {
        guard json?["role"]?.stringValue == "user", let id = json?["id"]?.stringValue else { return nil }
        let parts = json?["parts"]?.arrayValue ?? []
        let text = parts.compactMap { $0["type"]?.stringValue == "text" ? $0["text"]?.stringValue : nil }
            .joined(separator: "\n")
        return text.isEmpty ? nil : Message(id: id, text: text)
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
