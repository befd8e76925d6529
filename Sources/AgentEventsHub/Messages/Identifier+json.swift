import AgentEvents

extension Identifier {
    var json: JSONValue { .string(rawValue) }
}

extension Cursor {
    var json: JSONValue { .string(description) }
}

extension Cursor? {
    /// `null` when there is no cursor.
    var json: JSONValue { map { $0.json } ?? .null }
}
