import AgentEvents

/// Reads the records of a block one after the other.
struct BlockReader {
    let position: Int64
    let generation: UInt64
    /// The size of the block.
    let byteCount: Int
    private var reader: ByteReader

    /// - Parameter content: the bytes after the header; their checksum was right.
    init(_ content: UnsafeRawBufferPointer, position: Int64, generation: UInt64) {
        self.position = position
        self.generation = generation
        byteCount = BlockHeader.byteCount + content.count
        reader = ByteReader(content)
    }

    /// The start of the next record; `nil` after the last. Its rest has to be read next.
    mutating func next() throws(EventLogError) -> BlockRecordHead? {
        guard !reader.isAtEnd else { return nil }
        guard let head = reader.recordHead() else { throw cut }
        return head
    }

    /// The start of the next record that is an event.
    mutating func nextEvent() throws(EventLogError) -> BlockRecordHead? {
        while let head = try next() {
            switch head.kind {
            case .plain, .runStarted, .outsideRunStarted, .runEnded: return head
            case .thread, .key, .digestedKey: _ = try content(head)
            }
        }
        return nil
    }

    /// The record that was started.
    mutating func record(_ head: BlockRecordHead) throws(EventLogError) -> BlockRecord {
        guard let record = reader.record(head, generation: generation) else { throw cut }
        return record
    }

    /// The content of the record that was started: of an event, its bytes.
    mutating func content(_ head: BlockRecordHead) throws(EventLogError) -> UnsafeRawBufferPointer {
        guard let bytes = reader.content(head) else { throw cut }
        return bytes
    }

    private var cut: EventLogError {
        LogConnection.corrupt("the block at \(position) ends in the middle of an event")
    }
}
