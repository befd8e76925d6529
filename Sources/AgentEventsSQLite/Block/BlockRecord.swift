import AgentEvents

/// An event in a block.
///
/// On disk: size of the bytes and kind in one number (`size << 2 | kind`), thread number, sequence, for the start of a
/// run its id (size, text), for an end the sequence of the start, the bytes. So nobody has to parse the JSON.
struct BlockRecord {
    enum Kind: UInt64 {
        case plain = 0
        case runStarted = 1
        case runEnded = 2
    }

    let thread: UInt64
    let sequence: UInt64
    let mark: RunMark?
    let bytes: UnsafeRawBufferPointer
}

/// What stands before an event's mark and bytes.
struct BlockRecordHead {
    let kind: BlockRecord.Kind
    let thread: UInt64
    let sequence: UInt64
    let byteCount: UInt64
}

extension ByteReader {
    /// The start of the next record, or `nil` where there is none that is whole. The rest is read or skipped next.
    mutating func recordHead() -> BlockRecordHead? {
        guard let head = number(), let kind = BlockRecord.Kind(rawValue: head & 3), let thread = number(),
            let sequence = number()
        else { return nil }
        return BlockRecordHead(kind: kind, thread: thread, sequence: sequence, byteCount: head >> 2)
    }

    /// The record behind its start.
    mutating func record(_ head: BlockRecordHead) -> BlockRecord? {
        let mark: RunMark?
        switch head.kind {
        case .plain:
            mark = nil
        case .runStarted:
            guard let size = number(), let text = bytes(count: size), let run = RunID(bytes: text) else { return nil }
            mark = .started(run, sequence: head.sequence)
        case .runEnded:
            guard let start = number() else { return nil }
            mark = .ended(startSequence: start)
        }
        guard let bytes = bytes(count: head.byteCount) else { return nil }
        return BlockRecord(thread: head.thread, sequence: head.sequence, mark: mark, bytes: bytes)
    }

    /// Skips what is behind a record's start and gives the event's bytes.
    mutating func eventBytes(_ head: BlockRecordHead) -> UnsafeRawBufferPointer? {
        switch head.kind {
        case .plain:
            break
        case .runStarted:
            guard let size = number(), bytes(count: size) != nil else { return nil }
        case .runEnded:
            guard number() != nil else { return nil }
        }
        return bytes(count: head.byteCount)
    }
}

extension RunID {
    init?(bytes: UnsafeRawBufferPointer) {
        guard let run = try? RunID(String(decoding: bytes, as: UTF8.self)) else { return nil }
        self = run
    }
}
