import AgentEvents

/// Reads the blocks after the watermark into the part of the index that is in memory.
struct TailRebuild {
    let blocks: SegmentStore
    /// The index's record of a thread, by its number.
    let stored: (UInt64) throws -> StoredThread?
    let end: Int64
    /// The numbers of threads that were deleted, and are still in blocks.
    let deleted: Set<UInt64>
    /// The highest generation and thread number that the blocks name.
    private(set) var generation: UInt64 = 0
    private(set) var lastThread: UInt64 = 0

    init(
        blocks: SegmentStore,
        end: Int64,
        deleted: Set<UInt64> = [],
        stored: @escaping (UInt64) throws -> StoredThread?
    ) {
        self.blocks = blocks
        self.end = end
        self.deleted = deleted
        self.stored = stored
    }

    mutating func run(into tail: inout TailStateMachine) throws {
        var buffer = BlockBuffer()
        var scan = BlockScan(blocks: blocks, from: tail.end, end: end)
        while var block = try scan.next(&buffer) {
            generation = max(generation, block.generation)
            while let head = try block.next() {
                let record = try block.record(head)
                if deleted.contains(head.thread) {
                    // Its number is not used again.
                    lastThread = max(lastThread, head.thread)
                    continue
                }
                switch record {
                case .event(let thread, let sequence, let mark):
                    let id = EventID(generation: block.generation, sequence: sequence)
                    try note(id, thread: thread, mark: mark, block: block.position, in: &tail)
                case .thread(let thread): try note(thread, in: &tail)
                case .key(let key): tail.restore(key)
                case .erased: break
                }
            }
        }
        tail.reach(end)
    }

    private mutating func note(_ thread: StoredThread, in tail: inout TailStateMachine) throws {
        lastThread = max(lastThread, thread.number)
        guard tail.head(number: thread.number) == nil else { return }
        if let stored = try stored(thread.number) {
            tail.insert(stored, isStored: true)
        } else {
            tail.insert(thread, isStored: false)
            tail.noteNew(number: thread.number)
        }
    }

    private func note(
        _ id: EventID,
        thread number: UInt64,
        mark: RunMark?,
        block: Int64,
        in tail: inout TailStateMachine
    ) throws {
        let head: UInt64
        if let known = tail.head(number: number) {
            head = known
        } else {
            guard let thread = try stored(number) else {
                throw LogConnection.corrupt("there is no thread number \(number), which the block at \(block) names")
            }
            tail.insert(thread, isStored: true)
            head = thread.head?.sequence ?? 0
        }
        guard id.sequence > head else { return }
        guard id.sequence - head == 1 else {
            throw LogConnection.corrupt(
                "in the block at \(block), sequence \(id.sequence) of thread number \(number) follows \(head)"
            )
        }
        tail.restore(id, number: number, mark: mark, block: block)
    }
}
