package import AgentEvents
package import AgentEventsProtocol

/// The body of `POST /v1/threads/{t}/messages`.
package struct MessageRequest: Hashable, Sendable {
    /// The text that the user wrote; not empty.
    package var text: String
    /// The agent that should answer; `nil` for the service's first agent.
    package var agent: AgentName?
    /// Further data of the message; any JSON value, which becomes the `data` of `user_message`. `null` counts as none.
    package var data: JSONValue?

    package init(text: String, agent: AgentName? = nil, data: JSONValue? = nil) {
        self.text = text
        self.agent = agent
        self.data = data
    }

    /// The members that a body may have, in the order of the schema.
    package static let members = ["text", "agent", "data"]

    /// Names under which other systems have in the body what is elsewhere here, and where that is.
    private static let elsewhere: [String: String] = {
        let user = "the service knows from the credentials of the request who sends it"
        let made = "the service makes the ids of a message and of its run, and answers with them"
        let key = "the key stands in the header Idempotency-Key"
        let thread = "the thread stands in the path of the request"
        return [
            "user_id": user, "user": user, "userId": user, "author": user, "role": "its role is user",
            "id": made, "message_id": made, "messageId": made, "run_id": made, "runId": made,
            "key": key, "idempotency_key": key, "idempotencyKey": key,
            "thread_id": thread, "thread": thread, "threadId": thread,
        ]
    }()

    /// - Throws: ``ProtocolError`` with the path to the fault.
    package static func decode(_ bytes: [UInt8]) throws(ProtocolError) -> MessageRequest {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        guard let object = json.objectValue else {
            throw ProtocolError(.messageInvalid, "the body is a JSON object with the member text", path: "$")
        }
        try object.checkNames(of: "a message", known: Self.members, elsewhere: elsewhere)
        var members = MemberReader(object, path: "$")
        let text: String
        let agent: String?
        do throws(WireError) {
            text = try members.text("text")
            agent = try members.wordIfPresent("agent")
        } catch {
            throw ProtocolError(member: error)
        }
        guard !text.isEmpty else {
            throw ProtocolError(.messageInvalid, "the member text is not empty", path: "$.text")
        }
        do throws(IdentifierError) {
            return MessageRequest(
                text: text, agent: try agent.map { name throws(IdentifierError) in try AgentName(name) },
                data: members.takePresent("data"))
        } catch {
            throw ProtocolError(error, path: "$.agent")
        }
    }
}
