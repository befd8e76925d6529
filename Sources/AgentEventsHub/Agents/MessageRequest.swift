package import AgentEvents

/// The body of `POST /v1/threads/{t}/messages`.
package struct MessageRequest: Hashable, Sendable {
    /// What the user wrote; not empty.
    package var text: String
    /// Who is to answer; `nil` for the service's first agent.
    package var agent: AgentName?
    /// What else came with it; any JSON value, which `user_message` has as its `data`. `null` is nothing.
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
        let members = MessageMembers(object)
        try members.checkNames(of: "a message", known: Self.members, elsewhere: elsewhere)
        let text = try members.prose("text")
        guard !text.isEmpty else {
            throw ProtocolError(.messageInvalid, "the member text is not empty", path: "$.text")
        }
        let data = members["data"]
        return MessageRequest(
            text: text, agent: try members.optionalName("agent"), data: data == .null ? nil : data)
    }
}
