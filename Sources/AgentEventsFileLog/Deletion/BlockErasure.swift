import AgentEvents

extension BlockRecordHead {
    /// The number in the place of a thread's, in a record that was erased. Threads count from 1.
    static let erasedThread: UInt64 = 0

    var isErased: Bool { thread == Self.erasedThread }
}

/// Takes the records of some threads out of a block.
///
/// A record becomes one of the same size, with zeros as its content, of no thread: an event stays an event, everything else
/// becomes a thread's record. So all positions stay as they are, the number of events in a block too, and with them the
/// offsets of all who read the log. The checksum of the block is made again.
enum BlockErasure {
    /// Whether a block has records of one of the threads.
    ///
    /// - Parameter position: of the block, for the error.
    /// - Throws: `log.corrupt` when the records do not end where the block does.
    static func isNeeded(
        _ numbers: Set<UInt64>,
        in content: UnsafeRawBufferPointer,
        at position: Int64
    ) throws(EventLogError) -> Bool {
        var reader = ByteReader(content)
        while !reader.isAtEnd {
            guard let head = reader.recordHead(), reader.content(head) != nil else { throw cut(position) }
            if numbers.contains(head.thread) { return true }
        }
        return false
    }

    /// The content of a block without the records of the threads.
    static func erase(
        _ numbers: Set<UInt64>,
        in content: UnsafeRawBufferPointer,
        at position: Int64
    ) throws(EventLogError) -> [UInt8] {
        var erased: [UInt8] = []
        erased.reserveCapacity(content.count)
        var reader = ByteReader(content)
        while !reader.isAtEnd {
            let start = reader.offset
            guard let head = reader.recordHead(), reader.content(head) != nil else { throw cut(position) }
            let record = content[start..<reader.offset]
            if numbers.contains(head.thread) {
                appendErased(head.kind, byteCount: record.count, to: &erased)
            } else {
                erased.append(contentsOf: record)
            }
        }
        return erased
    }

    /// Appends a record of no thread that has exactly a number of bytes, which is at least 3: every record has these.
    static func appendErased(_ kind: BlockRecord.Kind, byteCount: Int, to bytes: inout [UInt8]) {
        let kind: BlockRecord.Kind =
            switch kind {
            case .plain, .runStarted, .outsideRunStarted, .runEnded: .plain
            case .thread, .key, .digestedKey: .thread
            }
        // Where the next larger content needs a longer number, one size in between is missing: then the number of the
        // thread takes two bytes.
        for size in 2..<12 {
            let (padding, headByteCount) = (1 + size % 2, size / 2)
            let contentByteCount = byteCount - headByteCount - padding - 1
            guard contentByteCount >= 0 else { continue }
            var head: [UInt8] = []
            head.append(number: UInt64(contentByteCount) << BlockRecord.kindBits | kind.rawValue)
            guard head.count == headByteCount else { continue }
            bytes.append(contentsOf: head)
            bytes.append(contentsOf: padding == 1 ? [0] : [0x80, 0])
            bytes.append(contentsOf: repeatElement(0, count: 1 + contentByteCount))
            return
        }
        preconditionFailure("a record has at least three bytes, and less than a block can have")
    }

    private static func cut(_ position: Int64) -> EventLogError {
        LogConnection.corrupt("the block at \(position) ends in the middle of a record")
    }
}
