import AgentEvents

/// Members that this package adds to the data of a user's message that came by AG-UI, and to the events of AG-UI.
enum AGUIMember {
    /// The member of `data`: an object with `run_id` and `message_id` as the client named them.
    static let data = "ag_ui"
    static let runID = "run_id"
    static let messageID = "message_id"

    /// The id that a client gave to a message, if it came by AG-UI.
    static func id(in data: JSONValue?) -> String? { data?[Self.data]?[messageID]?.stringValue }

    /// The member of `metadata`: an object with the cursor, and what AG-UI has no place for.
    static let metadata = "agent-events"
}
