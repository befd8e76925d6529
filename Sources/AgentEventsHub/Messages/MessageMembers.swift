import AgentEvents

/// The members of a JSON object that a client sent; `null` for an optional one is its absence, but for `after` and `req`,
/// where a client means something by it. Each look-up throws ``ProtocolError`` `message.invalid` with the path.
struct MessageMembers {
    private let object: JSONObject

    init(_ object: JSONObject) { self.object = object }

    subscript(name: String) -> JSONValue? { object[name] }

    /// Refuses members that the owner does not have: what a sender means by them would be lost.
    ///
    /// - Parameters:
    ///   - owner: the noun for what has the members: `subscribe`.
    ///   - known: the names of its members.
    ///   - elsewhere: where a value of a name that it does not have belongs, in words.
    /// - Throws: ``ProtocolError`` `event.unknown_field`, or `event.field_not_allowed` for a name of the last kind, with the
    ///   path.
    func checkNames(
        of owner: String,
        known: [String],
        elsewhere: [String: String] = [:]
    ) throws(ProtocolError) {
        for name in object.keys where !known.contains(name) {
            let path = "$" + WireError.component(name)
            if let place = elsewhere[name] {
                throw ProtocolError(.wire(.fieldNotAllowed), "\(owner) has no member \(name): \(place)", path: path)
            }
            let problem = NearestName.problem(name, kind: "member", of: owner, known: known)
            throw ProtocolError(.wire(.unknownField), problem, path: path)
        }
    }

    /// The thread that the message is about, for errors; `nil` when none can be read.
    var thread: ThreadID? {
        guard let text = object["thread_id"]?.stringValue else { return nil }
        return try? ThreadID(text)
    }

    /// The member `req`, or `nil` when there is none.
    func tag() throws(ProtocolError) -> RequestTag? {
        guard let value = object["req"] else { return nil }
        guard let tag = RequestTag(value) else { throw Self.wrong("req", "is a string or a number") }
        guard tag.byteCount <= RequestTag.maximumByteCount else {
            throw Self.wrong("req", "has at most \(RequestTag.maximumByteCount) bytes, as it stands in JSON")
        }
        return tag
    }

    /// A text for people: half of a surrogate pair in it becomes U+FFFD.
    func prose(_ name: String) throws(ProtocolError) -> String {
        guard case .unpairedString(let string) = try required(name) else { return try text(name) }
        return string.replacingUnpaired
    }

    /// A text that stands for something, so that nothing in it can be replaced.
    func text(_ name: String) throws(ProtocolError) -> String {
        let value = try required(name)
        if case .unpairedString = value {
            throw ProtocolError(
                .wire(.loneSurrogate), "\(name) has half of a surrogate pair, which is no text", path: "$.\(name)")
        }
        guard let text = value.stringValue else { throw Self.wrong(name, "is a string") }
        return text
    }

    func optionalBool(_ name: String) throws(ProtocolError) -> Bool? {
        guard let value = present(name) else { return nil }
        guard let bool = value.boolValue else { throw Self.wrong(name, "is true or false") }
        return bool
    }

    func array(_ name: String) throws(ProtocolError) -> [JSONValue] {
        guard let array = try required(name).arrayValue else { throw Self.wrong(name, "is an array") }
        return array
    }

    func identifier<Kind: Identifier>(_ name: String) throws(ProtocolError) -> Kind {
        let text = try text(name)
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(error, path: "$.\(name)")
        }
    }

    func optionalIdentifier<Kind: Identifier>(_ name: String) throws(ProtocolError) -> Kind? {
        guard present(name) != nil else { return nil }
        return try identifier(name)
    }

    func optionalName<Kind: Name>(_ name: String) throws(ProtocolError) -> Kind? {
        guard present(name) != nil else { return nil }
        let text = try text(name)
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(error, path: "$.\(name)")
        }
    }

    private func present(_ name: String) -> JSONValue? {
        guard let value = object[name], value != .null else { return nil }
        return value
    }

    private func required(_ name: String) throws(ProtocolError) -> JSONValue {
        guard let value = object[name] else {
            throw ProtocolError(.messageInvalid, "the member \(name) is missing", path: "$.\(name)")
        }
        return value
    }

    private static func wrong(_ name: String, _ problem: String) -> ProtocolError {
        ProtocolError(.messageInvalid, "the member \(name) \(problem)", path: "$.\(name)")
    }
}
