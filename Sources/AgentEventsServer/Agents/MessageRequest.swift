package import AgentEvents

/// The body of `POST /v1/threads/{t}/messages`.
package struct MessageRequest: Hashable, Sendable {
    /// What the user wrote; not empty.
    package var text: String
    /// Who is to answer; `nil` for the service's first agent.
    package var agent: AgentName?

    package init(text: String, agent: AgentName? = nil) {
        self.text = text
        self.agent = agent
    }

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
        let text = try members.prose("text")
        guard !text.isEmpty else {
            throw ProtocolError(.messageInvalid, "the member text is not empty", path: "$.text")
        }
        return MessageRequest(text: text, agent: try members.optionalName("agent"))
    }
}
