import AgentEvents

/// A row of the table `chunk`: in which blocks a thread's consecutive events are, and which runs started and ended there.
struct IndexChunk: Sendable {
    /// The thread's number.
    let thread: UInt64
    /// The last event it covers.
    let last: EventID
    /// At least one.
    let references: [BlockReference]
    let marks: [RunMark]

    init(thread: UInt64, last: EventID, references: [BlockReference], marks: [RunMark]) {
        self.thread = thread
        self.last = last
        self.references = references
        self.marks = marks
    }

    private static func seed(thread: UInt64, last: EventID) -> UInt64 {
        (thread &* 0xD6E8_FEB8_6659_FD93 ^ last.sequence) &* 0xA24B_AED4_963E_E407 ^ last.generation
    }

    /// Stands before the start of a run that is hosted outside. No id is so long.
    private static let outsideMark: UInt64 = 1 << 16

    /// The body, sealed.
    var encoded: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: SealedBytes.overhead)
        bytes.reserveCapacity(references.count * 4 + marks.count * 40 + 16)
        bytes.append(number: UInt64(references.count))
        var previous = BlockReference(block: 0, sequence: 0)
        for reference in references {
            bytes.append(number: UInt64(reference.block - previous.block))
            bytes.append(number: reference.sequence - previous.sequence)
            previous = reference
        }
        bytes.append(number: UInt64(marks.count))
        for mark in marks {
            switch mark {
            case .started(let run, let sequence, let host):
                if host == .outside { bytes.append(number: Self.outsideMark) }
                bytes.append(number: UInt64(run.rawValue.utf8.count))
                bytes.append(contentsOf: run.rawValue.utf8)
                bytes.append(number: sequence)
            case .ended(let startSequence):
                bytes.append(number: 0)
                bytes.append(number: startSequence)
            }
        }
        SealedBytes.seal(&bytes, seed: Self.seed(thread: thread, last: last))
        return bytes
    }

    /// Whether a body is what was written for a thread and a last event.
    static func isIntact(_ body: UnsafeRawBufferPointer, thread: UInt64, last: EventID) -> Bool {
        SealedBytes.open(body, seed: seed(thread: thread, last: last)) != nil
    }

    /// Reads a body; `nil` when it is damaged.
    init?(thread: UInt64, last: EventID, body: UnsafeRawBufferPointer) {
        guard let content = SealedBytes.open(body, seed: Self.seed(thread: thread, last: last)) else { return nil }
        var reader = ByteReader(content)
        guard let references = Self.references(&reader), let marks = Self.marks(&reader), reader.isAtEnd else {
            return nil
        }
        self.init(thread: thread, last: last, references: references, marks: marks)
    }

    private static func references(_ reader: inout ByteReader) -> [BlockReference]? {
        guard let count = reader.number(), count > 0 else { return nil }
        var references: [BlockReference] = []
        var previous = BlockReference(block: 0, sequence: 0)
        for _ in 0..<count {
            guard let block = reader.number(), let sequence = reader.number() else { return nil }
            previous = BlockReference(
                block: previous.block &+ Int64(truncatingIfNeeded: block),
                sequence: previous.sequence &+ sequence
            )
            references.append(previous)
        }
        return references
    }

    private static func marks(_ reader: inout ByteReader) -> [RunMark]? {
        guard let count = reader.number() else { return nil }
        var marks: [RunMark] = []
        for _ in 0..<count {
            guard var size = reader.number() else { return nil }
            let host = size == outsideMark ? RunHost.outside : .process
            if host == .outside {
                guard let next = reader.number(), next > 0 else { return nil }
                size = next
            }
            guard let text = reader.bytes(count: size), let sequence = reader.number() else { return nil }
            if size == 0 {
                marks.append(.ended(startSequence: sequence))
            } else {
                guard let run = try? RunID(String(decoding: text, as: UTF8.self)) else { return nil }
                marks.append(.started(run, sequence: sequence, host: host))
            }
        }
        return marks
    }
}

extension IndexChunk {
    /// The runs that start in it and have no end in it.
    var startedAndOpen: [OpenRun] {
        var open: [OpenRun] = []
        for mark in marks { open.note(mark) }
        return open
    }

    /// The sequences of the starts of the runs that end in it and started before.
    var startsOfEarlierRunsEnded: [UInt64] {
        guard let first = references.first?.sequence else { return [] }
        return marks.compactMap { mark in
            switch mark {
            case .started: nil
            case .ended(let startSequence): startSequence < first ? startSequence : nil
            }
        }
    }
}
