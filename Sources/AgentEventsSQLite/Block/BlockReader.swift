import AgentEvents

/// Reads the records of a block one after the other, after a look at its checksum.
struct BlockReader {
    private let block: Int64
    private var reader: ByteReader

    init(_ bytes: UnsafeRawBufferPointer, block: Int64, generation: UInt64) throws(EventLogError) {
        let seed = EncodedBlock.seed(id: block, generation: generation)
        guard let content = SealedBytes.open(bytes, seed: seed) else {
            throw LogConnection.corrupt("the checksum of block \(block) is wrong")
        }
        self.block = block
        reader = ByteReader(content)
    }

    /// The start of the next record; `nil` behind the last. Its rest is to be read next.
    mutating func next() throws(EventLogError) -> BlockRecordHead? {
        guard !reader.isAtEnd else { return nil }
        guard let head = reader.recordHead() else { throw cut }
        return head
    }

    /// The record that was started.
    mutating func record(_ head: BlockRecordHead) throws(EventLogError) -> BlockRecord {
        guard let record = reader.record(head) else { throw cut }
        return record
    }

    /// The bytes of the event of the record that was started.
    mutating func eventBytes(_ head: BlockRecordHead) throws(EventLogError) -> UnsafeRawBufferPointer {
        guard let bytes = reader.eventBytes(head) else { throw cut }
        return bytes
    }

    private var cut: EventLogError { LogConnection.corrupt("block \(block) ends in the middle of an event") }
}
