public import AgentEvents

/// An event as it stands on a stream: its place, and its bytes exactly as the log holds them (I8).
public struct StreamEvent: Hashable, Sendable {
    /// The event's id, which is also the cursor just after it.
    public let cursor: Cursor
    /// The first sequence number that the event stands for; below the cursor's for a merged event.
    public let firstSequence: UInt64
    /// The thread.
    public let threadID: ThreadID
    /// One JSON object in UTF-8.
    public let bytes: [UInt8]

    package init(cursor: Cursor, firstSequence: UInt64? = nil, threadID: ThreadID, bytes: [UInt8]) {
        self.cursor = cursor
        self.firstSequence = firstSequence ?? cursor.sequence
        self.threadID = threadID
        self.bytes = bytes
    }

    /// The event, decoded.
    public func decoded() throws(WireError) -> AgentEvent { try EventDecoder.decode(bytes) }

    /// - Parameters:
    ///   - members: those of the event's JSON object.
    ///   - bytes: the object.
    init(_ members: inout MemberReader, bytes: [UInt8]) throws(WireError) {
        guard let cursor = try members.cursorIfPresent("id") else {
            throw WireError(.missingField, path: "$.id", "the member id is missing")
        }
        let thread: ThreadID = try members.threadID()
        let first = try members.sequenceIfPresent("from_seq")
        if let first, first >= cursor.sequence {
            throw members.invalid("from_seq", "from_seq must be below the number in id, \(cursor.sequence)")
        }
        self.init(cursor: cursor, firstSequence: first, threadID: thread, bytes: bytes)
    }
}
