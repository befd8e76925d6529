import AgentEvents

/// Divides a commit into blocks.
///
/// A block is what a reader reads at once and checks as a whole: large enough for little overhead, small enough that
/// one event costs little.
struct BlockEncoder {
    /// The size up to which a block takes further events. A larger event has a block of its own.
    static let capacity = 4096
    /// The most events in a block; fewer than ``LogOffset`` can count.
    private static let maximumEventCount = 4000

    private let position: Int64
    private let synced: Int64
    private var commit = EncodedCommit()
    private var blockStart = 0
    private var entryCount = 0
    private var generation: UInt64 = 0

    /// - Parameters:
    ///   - position: where the first block will be.
    ///   - synced: up to where the log is on the disk.
    private init(position: Int64, synced: Int64, byteCount: Int) {
        self.position = position
        self.synced = synced
        commit.bytes.reserveCapacity(byteCount)
    }

    /// - Parameters:
    ///   - plan: has a placement for each entry.
    ///   - position: where the first block will be.
    ///   - synced: up to where the log is on the disk.
    static func encode(
        _ entries: [LogEntry],
        plan: CommitPlan,
        at position: Int64,
        synced: Int64
    ) -> EncodedCommit {
        let byteCount = entries.reduce(256 + plan.keys.count * 300 + plan.newThreads.count * 560) {
            $0 + $1.bytes.count + 24
        }
        var encoder = BlockEncoder(position: position, synced: synced, byteCount: byteCount)
        encoder.begin(generation: entries.first?.id.generation ?? 0)
        for thread in plan.newThreads { encoder.add(thread) }
        for index in entries.indices { encoder.add(entries[index], at: plan.placements[index]) }
        for key in plan.keys { encoder.add(key) }
        encoder.finish(endsCommit: true)
        return encoder.commit
    }

    private mutating func add(_ entry: LogEntry, at placement: Placement) {
        let size = commit.bytes.count - blockStart
        let isFull = size > BlockHeader.byteCount && size + entry.bytes.count > Self.capacity
        if isFull || entryCount == Self.maximumEventCount || entry.id.generation != generation {
            finish(endsCommit: false)
            begin(generation: entry.id.generation)
        }
        switch placement.mark {
        case nil:
            begin(.plain, thread: placement.number, sequence: entry.id.sequence, byteCount: entry.bytes.count)
        case .started(let run, _, let host):
            begin(
                host == .process ? .runStarted : .outsideRunStarted, thread: placement.number,
                sequence: entry.id.sequence, byteCount: entry.bytes.count)
            commit.bytes.append(text: run.rawValue)
        case .ended(let startSequence):
            begin(.runEnded, thread: placement.number, sequence: entry.id.sequence, byteCount: entry.bytes.count)
            commit.bytes.append(number: startSequence)
        }
        commit.bytes.append(contentsOf: entry.bytes)
        entryCount += 1
    }

    private mutating func add(_ thread: StoredThread) {
        var content: [UInt8] = []
        content.append(text: thread.owner.thread.rawValue)
        content.append(text: thread.owner.user.rawValue)
        if thread.tenant != .default { content.append(text: thread.tenant.rawValue) }
        begin(.thread, thread: thread.number, sequence: 0, byteCount: content.count)
        commit.bytes.append(contentsOf: content)
    }

    private mutating func add(_ key: PlannedKey) {
        var content: [UInt8] = []
        content.append(number: UInt64(bitPattern: key.time.milliseconds))
        content.append(number: key.ids.first.sequence)
        content.append(number: UInt64(key.ids.count))
        content.append(gaps: key.ids.gaps)
        content.append(text: key.key.rawValue)
        if let digest = key.digest { content.append(contentsOf: digest.bytes) }
        begin(key.digest == nil ? .key : .digestedKey, thread: key.thread, sequence: 0, byteCount: content.count)
        commit.bytes.append(contentsOf: content)
    }

    private mutating func begin(_ kind: BlockRecord.Kind, thread: UInt64, sequence: UInt64, byteCount: Int) {
        commit.bytes.append(number: UInt64(byteCount) << BlockRecord.kindBits | kind.rawValue)
        commit.bytes.append(number: thread)
        commit.bytes.append(number: sequence)
    }

    private mutating func begin(generation: UInt64) {
        self.generation = generation
        blockStart = commit.bytes.count
        entryCount = 0
        commit.bytes.append(contentsOf: repeatElement(0, count: BlockHeader.byteCount))
    }

    private mutating func finish(endsCommit: Bool) {
        let header = BlockHeader(
            contentByteCount: commit.bytes.count - blockStart - BlockHeader.byteCount,
            generation: generation,
            synced: synced,
            endsCommit: endsCommit
        )
        let start = blockStart
        let blockPosition = position + Int64(start)
        commit.bytes.withUnsafeMutableBytes { bytes in
            header.seal(UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), at: blockPosition)
        }
        commit.blocks.append(EncodedCommit.Block(position: blockPosition, entryCount: entryCount))
    }
}
