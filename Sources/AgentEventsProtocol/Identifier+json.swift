package import AgentEvents

extension Identifier {
    package var json: JSONValue { .string(rawValue) }
}

extension Cursor {
    package var json: JSONValue { .string(description) }
}

extension Cursor? {
    /// `null` when there is no cursor.
    package var json: JSONValue { map { $0.json } ?? .null }
}
