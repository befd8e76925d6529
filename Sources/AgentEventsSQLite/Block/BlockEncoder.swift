import AgentEvents

/// Cuts a commit into blocks.
///
/// A block is about as large as a page of the database, so that a row neither spills over nor wastes much.
struct BlockEncoder {
    /// The most bytes that fit on a page of 4 KiB beside SQLite's own.
    static let capacity = 4040
    /// The most events in a block; fewer than ``LogOffset`` can count.
    static let maximumEventCount = 4000
    /// The largest size of what stands before an event's bytes, for an event that starts no run.
    private static let recordOverhead = 12

    private var blocks: [EncodedBlock] = []
    private var bytes: [UInt8] = []
    private var eventCount = 0
    private var generation: UInt64 = 0
    private var nextID: Int64
    private let target: Int

    private init(entries: [LogEntry], firstID: Int64) {
        nextID = firstID
        let size = entries.reduce(0) { $0 + $1.bytes.count + Self.recordOverhead }
        let count = max(1, (size + Self.capacity - 1) / Self.capacity)
        target = min(Self.capacity, size / count + Self.recordOverhead)
    }

    /// - Parameter firstID: the id of the first block; the others follow.
    static func encode(_ entries: [LogEntry], at placements: [Placement], firstID: Int64) -> [EncodedBlock] {
        var encoder = BlockEncoder(entries: entries, firstID: firstID)
        for index in entries.indices { encoder.add(entries[index], at: placements[index]) }
        encoder.finish()
        return encoder.blocks
    }

    private mutating func add(_ entry: LogEntry, at placement: Placement) {
        let isFull =
            bytes.count >= target || bytes.count + entry.bytes.count + Self.recordOverhead > Self.capacity
            || eventCount == Self.maximumEventCount || entry.id.generation != generation
        if eventCount > 0, isFull { finish() }
        if eventCount == 0 {
            generation = entry.id.generation
            bytes.reserveCapacity(max(Self.capacity, entry.bytes.count + 256))
            bytes.append(contentsOf: repeatElement(0, count: SealedBytes.overhead))
        }
        let kind: BlockRecord.Kind =
            switch placement.mark {
            case nil: .plain
            case .started: .runStarted
            case .ended: .runEnded
            }
        bytes.append(number: UInt64(entry.bytes.count) << 2 | kind.rawValue)
        bytes.append(number: placement.number)
        bytes.append(number: entry.id.sequence)
        switch placement.mark {
        case nil:
            break
        case .started(let run, _):
            bytes.append(number: UInt64(run.rawValue.utf8.count))
            bytes.append(contentsOf: run.rawValue.utf8)
        case .ended(let startSequence):
            bytes.append(number: startSequence)
        }
        bytes.append(contentsOf: entry.bytes)
        eventCount += 1
    }

    private mutating func finish() {
        guard eventCount > 0 else { return }
        SealedBytes.seal(&bytes, seed: EncodedBlock.seed(id: nextID, generation: generation))
        blocks.append(EncodedBlock(id: nextID, generation: generation, eventCount: eventCount, bytes: bytes))
        nextID += 1
        bytes = []
        eventCount = 0
    }
}
