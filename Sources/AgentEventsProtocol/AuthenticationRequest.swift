import AgentEvents

/// The first message of a connection whose upgrade had no token: `{"op":"auth","token":"…"}`.
package struct AuthenticationRequest: Hashable, Sendable {
    /// The largest message, in bytes.
    package static let maximumByteCount = 16 * 1024

    /// The client's mark, for the reply to a token that does not count.
    package var tag: RequestTag?
    package var token: String

    package init(tag: RequestTag? = nil, token: String) {
        self.tag = tag
        self.token = token
    }
}

extension AuthenticationRequest {
    /// Reads a message that is this request, and nothing else.
    ///
    /// - Throws: ``ProtocolError`` `auth.missing`, with the tag where it could be read; never with what was sent.
    package static func decode(_ bytes: some Collection<UInt8>) throws(ProtocolError) -> AuthenticationRequest {
        guard bytes.count <= maximumByteCount else {
            throw missing("the message with the token has at most \(maximumByteCount) bytes")
        }
        let object: JSONObject?
        do throws(WireError) {
            object = try JSONValue(parsing: bytes).objectValue
        } catch {
            throw missing("the first message is not JSON")
        }
        guard let object, object["op"]?.stringValue == OperationName.auth.rawValue else {
            throw missing("the first message of a connection without a token is {\"op\":\"auth\",\"token\":\"…\"}")
        }
        var tag: RequestTag?
        if let value = object["req"] {
            guard let read = RequestTag(value), read.byteCount <= RequestTag.maximumByteCount else {
                throw missing("the member req is a string or a number of at most \(RequestTag.maximumByteCount) bytes")
            }
            tag = read
        }
        guard object.keys.allSatisfy(OperationName.auth.members.contains) else {
            throw missing("auth has the members op, req and token, and no other", tag)
        }
        guard let token = object["token"]?.stringValue else {
            throw missing("auth has the member token, a text", tag)
        }
        return AuthenticationRequest(tag: tag, token: token)
    }

    private static func missing(_ message: String, _ tag: RequestTag? = nil) -> ProtocolError {
        var error = ProtocolError(.authenticationMissing, message)
        error.tag = tag
        return error
    }
}
