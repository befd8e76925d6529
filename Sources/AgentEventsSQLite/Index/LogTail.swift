import AgentEvents

/// The part of the index that is in memory: the threads used lately, their heads, and the references that are in no
/// chunk yet.
///
/// A commit goes through it twice: ``plan(_:chunkLimit:)`` checks and decides and changes nothing that a reader sees;
/// ``apply(_:entries:blocks:)`` takes the commit over once it is durable.
struct LogTail: Sendable {
    struct Limits: Sendable {
        /// References of a thread that fill a chunk.
        var chunkReferenceCount: Int
        /// Events after which a reference is too old to be in memory only.
        var eventCount: Int
        /// Threads in memory.
        var threadCount: Int
    }

    private let limits: Limits
    private var slots: [ThreadSlot?] = []
    private var freeSlots: [Int] = []
    private var byOwner: [ObjectIdentifier: Int] = [:]
    private var byThread: [ThreadID: Int] = [:]
    private var byNumber: [UInt64: Int] = [:]
    private var aging = AgingQueue()
    /// Threads whose references fill a chunk.
    private var full: [Int] = []
    private var eventCount: UInt64 = 0
    private var lastBlock: Int64
    private var sweepPosition = 0

    /// - Parameter lastBlock: the last block in the file that is in chunks.
    init(limits: Limits, lastBlock: Int64) {
        self.limits = limits
        self.lastBlock = lastBlock
    }

    // MARK: Threads

    /// Whether entries with this very owner can be planned. An equal owner takes the place of the one known.
    ///
    /// - Throws: `log.conflict` when the thread belongs to somebody else.
    mutating func knows(_ owner: ThreadOwner) throws(EventLogError) -> Bool {
        if byOwner[ObjectIdentifier(owner)] != nil { return true }
        guard let slot = byThread[owner.thread], let known = slots[slot]?.owner else { return false }
        try Self.check(owner, against: known)
        byOwner[ObjectIdentifier(known)] = nil
        byOwner[ObjectIdentifier(owner)] = slot
        slots[slot]?.owner = owner
        return true
    }

    static func check(_ owner: ThreadOwner, against known: ThreadOwner) throws(EventLogError) {
        guard owner.user != known.user else { return }
        throw EventLogError(
            .conflict,
            "the thread \(owner.thread) belongs to another user than \(owner.user), for whom the events are"
        )
    }

    /// Takes a thread into memory.
    ///
    /// - Parameter isStored: whether the file knows the thread.
    mutating func insert(_ thread: StoredThread, isStored: Bool) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            slots[slot] = ThreadSlot(thread, isStored: isStored)
        } else {
            slot = slots.count
            slots.append(ThreadSlot(thread, isStored: isStored))
        }
        byOwner[ObjectIdentifier(thread.owner)] = slot
        byThread[thread.owner.thread] = slot
        byNumber[thread.number] = slot
    }

    /// What a reader needs of a thread; `nil` when it is not in memory or has no event.
    func view(of thread: ThreadID) -> ThreadView? {
        guard let index = byThread[thread], let slot = slots[index], let head = slot.head else { return nil }
        return ThreadView(
            number: slot.number,
            owner: slot.owner,
            generation: slot.generation,
            head: head,
            references: slot.references,
            marks: slot.marks,
            openRuns: slot.openRuns
        )
    }

    /// The number of a thread in memory.
    func number(of thread: ThreadID) -> UInt64? {
        byThread[thread].flatMap { slots[$0]?.number }
    }

    /// The last sequence of a thread in memory, by its number.
    func head(number: UInt64) -> UInt64? {
        guard let index = byNumber[number], let slot = slots[index] else { return nil }
        return slot.planned
    }

    /// The numbers of the threads in memory, and whether a run is open in them.
    var runStates: [(number: UInt64, thread: ThreadID, isOpen: Bool)] {
        slots.compactMap { slot in slot.map { ($0.number, $0.owner.thread, !$0.openRuns.isEmpty) } }
    }

    // MARK: Commits

    /// Checks that entries follow the committed ones, and decides what to write with them. Their owners are known.
    ///
    /// - Throws: `log.conflict`; then nothing has changed.
    mutating func plan(_ entries: [LogEntry], chunkLimit: Int) throws(EventLogError) -> CommitPlan {
        var plan = CommitPlan()
        plan.placements.reserveCapacity(entries.count)
        var started: [UInt64: [OpenRun]] = [:]
        for entry in entries {
            // Several equal owners may be in one commit, of which one is the known one.
            let known = byOwner[ObjectIdentifier(entry.owner)] ?? byThread[entry.owner.thread]
            guard let index = known, let slot = slots[index] else {
                preconditionFailure("an owner that was made known is known")
            }
            guard slot.planned < entry.id.sequence, slot.planned + 1 == entry.id.sequence else {
                for placement in plan.placements { slots[placement.slot]?.forgetPlan() }
                throw EventLogError(
                    .conflict,
                    "event \(entry.id) of thread \(entry.owner.thread) does not follow sequence \(slot.planned)"
                )
            }
            if slot.planned == 0, !slot.isStored {
                plan.newThreads.append(
                    StoredThread(number: slot.number, owner: entry.owner, generation: entry.id.generation)
                )
            }
            slots[index]?.planned = entry.id.sequence
            let mark = Self.mark(of: entry, number: slot.number, openRuns: slot.openRuns, started: &started)
            plan.placements.append(Placement(slot: index, number: slot.number, mark: mark))
        }
        plan.chunks = dueChunks(limit: chunkLimit)
        plan.indexedThrough = indexedThrough()
        return plan
    }

    /// The start or end that an entry is. An end of a run that is not open counts for nothing.
    ///
    /// - Parameter started: the runs that the commit itself starts, by the number of the thread.
    private static func mark(
        of entry: LogEntry,
        number: UInt64,
        openRuns: [OpenRun],
        started: inout [UInt64: [OpenRun]]
    ) -> RunMark? {
        guard let run = entry.run else { return nil }
        if entry.type == .agentStarted {
            let mark = RunMark.started(run, sequence: entry.id.sequence)
            started[number, default: []].note(mark)
            return mark
        }
        guard entry.type.endsRun else { return nil }
        let isThis = { (open: OpenRun) in open.run == run }
        let open = started[number]?.last(where: isThis) ?? openRuns.last(where: isThis)
        return open.map { .ended(startSequence: $0.sequence) }
    }

    /// Takes a commit over that is durable.
    mutating func apply(_ plan: CommitPlan, entries: [LogEntry], blocks: [EncodedBlock]) {
        for due in plan.chunks { slots[due.slot]?.removeChunk(due.chunk) }
        var position = 0
        for block in blocks {
            for entryIndex in position..<position + block.eventCount {
                let placement = plan.placements[entryIndex]
                note(entries[entryIndex].id, in: placement.slot, mark: placement.mark, block: block.id)
            }
            position += block.eventCount
        }
        sweep()
    }

    /// Takes over an event that was found in a block behind the last chunk of its thread, which is in memory.
    mutating func restore(_ id: EventID, number: UInt64, mark: RunMark?, block: Int64) {
        guard let slot = byNumber[number] else { preconditionFailure("the thread was taken into memory before") }
        slots[slot]?.planned = id.sequence
        note(id, in: slot, mark: mark, block: block)
    }

    /// Notes that a block is in the file.
    mutating func reach(block: Int64) {
        lastBlock = max(lastBlock, block)
    }

    private mutating func note(_ id: EventID, in slot: Int, mark: RunMark?, block: Int64) {
        eventCount += 1
        lastBlock = block
        if slots[slot]?.pendingSince == nil {
            slots[slot]?.pendingSince = eventCount
            aging.append(AgingQueue.Element(slot: slot, since: eventCount, block: block))
        }
        if slots[slot]?.note(id, mark: mark, block: block) == limits.chunkReferenceCount { full.append(slot) }
    }

    // MARK: Chunks

    /// The chunks that are to be written now: of threads with many references, with old ones, or when there are too many
    /// threads. They stay in memory until the commit is applied.
    private mutating func dueChunks(limit: Int) -> [DueChunk] {
        var due: [DueChunk] = []
        var taken: Set<Int> = []
        while due.count < limit, let slot = full.popLast() {
            guard let current = slots[slot], current.references.count >= limits.chunkReferenceCount else { continue }
            guard let chunk = current.chunk, taken.insert(slot).inserted else { continue }
            due.append(DueChunk(slot: slot, chunk: chunk))
        }
        var surplus = slots.count - freeSlots.count - limits.threadCount
        while let oldest = oldestPending() {
            let isOld = eventCount - oldest.since >= UInt64(limits.eventCount)
            guard surplus > 0 || isOld && due.count < limit else { break }
            aging.removeFirst()
            surplus -= 1
            guard taken.insert(oldest.slot).inserted, let chunk = slots[oldest.slot]?.chunk else { continue }
            due.append(DueChunk(slot: oldest.slot, chunk: chunk))
        }
        return due
    }

    /// All blocks up to this one are in chunks.
    private mutating func indexedThrough() -> Int64 {
        oldestPending().map { $0.block - 1 } ?? lastBlock
    }

    private mutating func oldestPending() -> AgingQueue.Element? {
        while let first = aging.first {
            if slots[first.slot]?.pendingSince == first.since { return first }
            aging.removeFirst()
        }
        return nil
    }

    /// Everything that is in no chunk, for a log that is closed.
    func remainingChunks() -> [IndexChunk] {
        slots.compactMap { $0?.chunk }
    }

    /// The last block.
    var end: Int64 { lastBlock }

    /// Forgets some threads that have nothing pending, when there are too many.
    private mutating func sweep() {
        var surplus = slots.count - freeSlots.count - limits.threadCount
        var steps = surplus * 4
        while surplus > 0, steps > 0 {
            steps -= 1
            sweepPosition = (sweepPosition + 1) % slots.count
            guard let slot = slots[sweepPosition], slot.references.isEmpty else { continue }
            byOwner[ObjectIdentifier(slot.owner)] = nil
            byThread[slot.owner.thread] = nil
            byNumber[slot.number] = nil
            slots[sweepPosition] = nil
            freeSlots.append(sweepPosition)
            surplus -= 1
        }
    }
}
