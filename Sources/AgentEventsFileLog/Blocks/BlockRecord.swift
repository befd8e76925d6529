import AgentEvents

/// An entry of a block.
///
/// On disk: size of the content and kind in one number (`size << 3 | kind`), thread number, sequence (0 when it is no
/// event), for the start of a run its id (size, text), for an end the sequence of the start, the content. The content
/// of an event is its bytes, so nobody has to parse the JSON.
enum BlockRecord {
    static let kindBits: UInt64 = 3

    enum Kind: UInt64 {
        /// An event.
        case plain = 0
        /// The event that starts a run.
        case runStarted = 1
        /// The event that ends a run.
        case runEnded = 2
        /// A thread gets its number: thread id, user id; and its tenant, unless it is the default one.
        case thread = 3
        /// An idempotency key of a thread: time, first sequence, count, gaps, key. Blocks before AEB3 have only these.
        case key = 4
        /// The event that starts a run which is hosted outside of the process.
        case outsideRunStarted = 5
        /// The same, and after it the digest of the request.
        case digestedKey = 6
    }

    case event(thread: UInt64, sequence: UInt64, mark: RunMark?)
    case thread(StoredThread)
    case key(PlannedKey)
    /// What a deleted thread had there; see ``ErasedRecord``.
    case erased
}

/// The head before a record's mark and content.
struct BlockRecordHead {
    let kind: BlockRecord.Kind
    let thread: UInt64
    let sequence: UInt64
    let byteCount: UInt64
}

extension ByteReader {
    /// The start of the next record, or `nil` where there is none that is whole. The rest is read or skipped next.
    mutating func recordHead() -> BlockRecordHead? {
        guard let head = number(), let kind = BlockRecord.Kind(rawValue: head & (1 << BlockRecord.kindBits - 1)),
            let thread = number(), let sequence = number()
        else { return nil }
        return BlockRecordHead(
            kind: kind, thread: thread, sequence: sequence, byteCount: head >> BlockRecord.kindBits)
    }

    /// The record after its start.
    mutating func record(_ head: BlockRecordHead, generation: UInt64) -> BlockRecord? {
        if head.isErased { return content(head).map { _ in .erased } }
        var mark: RunMark?
        switch head.kind {
        case .plain:
            break
        case .runStarted, .outsideRunStarted:
            guard let text = text(), let run = try? RunID(text) else { return nil }
            mark = .started(run, sequence: head.sequence, host: head.kind == .runStarted ? .process : .outside)
        case .runEnded:
            guard let start = number() else { return nil }
            mark = .ended(startSequence: start)
        case .thread:
            guard let content = bytes(count: head.byteCount) else { return nil }
            return Self.thread(head.thread, content).map(BlockRecord.thread)
        case .key, .digestedKey:
            return plannedKey(head, generation: generation).map(BlockRecord.key)
        }
        guard bytes(count: head.byteCount) != nil else { return nil }
        return .event(thread: head.thread, sequence: head.sequence, mark: mark)
    }

    private static func thread(_ number: UInt64, _ content: UnsafeRawBufferPointer) -> StoredThread? {
        var reader = ByteReader(content)
        guard let thread = reader.text().flatMap({ try? ThreadID($0) }),
            let user = reader.text().flatMap({ try? UserID($0) })
        else { return nil }
        var tenant = TenantID.default
        if !reader.isAtEnd {
            guard let named = reader.text().flatMap({ try? TenantID($0) }), reader.isAtEnd else { return nil }
            tenant = named
        }
        return StoredThread(number: number, owner: ThreadOwner(thread: thread, user: user), tenant: tenant)
    }

    private mutating func plannedKey(_ head: BlockRecordHead, generation: UInt64) -> PlannedKey? {
        guard let time = number(), let sequence = number(), let count = number(),
            let gaps = gaps(), let key = text().flatMap({ try? IdempotencyKey($0) })
        else { return nil }
        var digest: RequestDigest?
        if head.kind == .digestedKey {
            digest = bytes(count: UInt64(RequestDigest.byteCount)).flatMap { RequestDigest(bytes: $0) }
            guard digest != nil else { return nil }
        }
        return PlannedKey(
            thread: head.thread,
            key: key,
            first: EventID(generation: generation, sequence: sequence),
            count: count,
            gaps: gaps,
            digest: digest,
            time: Timestamp(milliseconds: Int64(bitPattern: time))
        )
    }

    /// Skips the rest of a record's start and returns its content.
    mutating func content(_ head: BlockRecordHead) -> UnsafeRawBufferPointer? {
        switch head.kind {
        case .plain, .thread, .key, .digestedKey:
            break
        case .runStarted, .outsideRunStarted:
            guard let size = number(), bytes(count: size) != nil else { return nil }
        case .runEnded:
            guard number() != nil else { return nil }
        }
        return bytes(count: head.byteCount)
    }

    /// A text after its size.
    mutating func text() -> String? {
        guard let size = number(), let bytes = bytes(count: size) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
