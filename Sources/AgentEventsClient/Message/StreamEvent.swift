public import AgentEvents

/// An event as it came off the stream: its place, and its bytes exactly as the log holds them (I8).
public struct StreamEvent: Hashable, Sendable {
    /// The event's id, which is also the cursor just after it.
    public let cursor: Cursor
    /// The first sequence number that the event stands for; below the cursor's for a merged event.
    public let firstSequence: UInt64
    /// The thread.
    public let thread: ThreadID
    /// One JSON object in UTF-8.
    public let bytes: [UInt8]

    package init(cursor: Cursor, firstSequence: UInt64? = nil, thread: ThreadID, bytes: [UInt8]) {
        self.cursor = cursor
        self.firstSequence = firstSequence ?? cursor.sequence
        self.thread = thread
        self.bytes = bytes
    }

    /// The event, decoded.
    public func decoded() throws(WireError) -> AgentEvent { try EventDecoder.decode(bytes) }

    init(_ value: JSONValue, bytes: [UInt8]) throws(AgentEventsClientError) {
        guard let cursor = value["id"]?.stringValue.flatMap({ Cursor($0) }),
            let thread = value["thread_id"]?.stringValue.flatMap({ try? ThreadID($0) })
        else { throw Self.malformed("without a valid id and thread_id") }
        var first = cursor.sequence
        if let member = value["from_seq"] {
            guard let number = member.numberValue.flatMap({ UInt64($0.literal) }), number >= 1, number < first else {
                throw Self.malformed("with an invalid from_seq")
            }
            first = number
        }
        self.init(cursor: cursor, firstSequence: first, thread: thread, bytes: bytes)
    }

    private static func malformed(_ problem: String) -> AgentEventsClientError {
        AgentEventsClientError(.protocolViolation, "the service sent an event \(problem)")
    }
}
