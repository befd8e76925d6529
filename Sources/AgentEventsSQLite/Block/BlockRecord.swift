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

extension ByteReader {
    /// The next record, or `nil` where there is none that is whole.
    mutating func record() -> BlockRecord? {
        guard let head = number(), let kind = BlockRecord.Kind(rawValue: head & 3), let thread = number(),
            let sequence = number()
        else { return nil }
        let mark: RunMark?
        switch kind {
        case .plain:
            mark = nil
        case .runStarted:
            guard let size = number(), let text = bytes(count: size), let run = RunID(bytes: text) else { return nil }
            mark = .started(run, sequence: sequence)
        case .runEnded:
            guard let start = number() else { return nil }
            mark = .ended(startSequence: start)
        }
        guard let bytes = bytes(count: head >> 2) else { return nil }
        return BlockRecord(thread: thread, sequence: sequence, mark: mark, bytes: bytes)
    }
}

extension RunID {
    init?(bytes: UnsafeRawBufferPointer) {
        guard let run = try? RunID(String(decoding: bytes, as: UTF8.self)) else { return nil }
        self = run
    }
}
