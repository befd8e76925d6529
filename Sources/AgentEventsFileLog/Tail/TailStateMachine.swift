import AgentEvents

/// Decides what a commit means for the index, what of it is kept in memory, and what goes into the file when: the
/// threads used lately, their heads, and everything that is in no file of the index yet.
///
/// A commit goes through it twice: ``plan(_:keys:time:)`` checks and decides and changes nothing that a reader sees;
/// ``apply(_:entries:blocks:end:)`` takes the commit over once it is durable. What piles up goes into the file in bulk,
/// by ``takeUpdate(limit:before:)`` and ``didWrite(_:)``. A thread in it:
///
///                      ┌─(refused)──┐
///                      ▼            │
///     unknown ──(insert)──> settled ──(plan)──> planned ──(apply)──> pending ──(takeUpdate)──> taken
///        ▲                  │    ▲                                     ▲  ▲                    │  │
///        └──────(sweep)─────┘    │                                     │  └─(apply: some more)─┘  │
///                                └───────────────(didWrite: nothing else is pending)──────────────┘
///
/// *Settled* is one of which everything is in the file; only such a one is forgotten. *Pending* has references to
/// blocks that are in no chunk, *taken* has a chunk on its way into the file: both stay in memory, so that a reader who
/// looks here first and into the file second finds each event. At an opening, ``restore(_:number:mark:block:)`` leads
/// from settled to pending at once.
///
/// The file is long because a commit and the writing of the index change the same threads, which nobody else can reach.
struct TailStateMachine: Sendable {
    struct Limits: Sendable {
        /// References of a thread that fill a chunk.
        var chunkReferenceCount: Int
        /// Events after which a reference is too old to be in memory only.
        var eventCount: Int
        /// Threads in memory.
        var threadCount: Int
        /// Full chunks and keys that are worth a visit to the file.
        var updateCount: Int
    }

    private let limits: Limits
    private var slots: [ThreadSlot?] = []
    /// The parts of the threads in ``slots`` that planning needs, at the same places.
    private var planning: [PlannedThread] = []
    private var freeSlots: [Int] = []
    private var byOwner: [ObjectIdentifier: Int] = [:]
    private var byThread: [ThreadID: Int] = [:]
    private var byNumber: [UInt64: Int] = [:]
    private var aging = AgingQueue()
    /// Threads whose references fill a chunk.
    private var full: [Int] = []
    /// Threads that have no row in the file, in the order of their numbers.
    private var newThreads: [Int] = []
    private var keys = PendingKeys()
    private var eventCount: UInt64 = 0
    /// Behind the last block.
    private(set) var end: Int64
    private var sweepPosition = 0

    /// - Parameter end: up to where the blocks are in the file of the index.
    init(limits: Limits, end: Int64) {
        self.limits = limits
        self.end = end
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
    /// - Parameter isStored: whether the file has a row of it.
    mutating func insert(_ thread: StoredThread, isStored: Bool) {
        let slot: Int
        let planned = PlannedThread(
            number: thread.number, sequence: thread.head?.sequence ?? 0, isStored: isStored)
        if let free = freeSlots.popLast() {
            slot = free
            slots[slot] = ThreadSlot(thread)
            planning[slot] = planned
        } else {
            slot = slots.count
            slots.append(ThreadSlot(thread))
            planning.append(planned)
        }
        byOwner[ObjectIdentifier(thread.owner)] = slot
        byThread[thread.owner.thread] = slot
        byNumber[thread.number] = slot
    }

    /// The view of a reader on a thread; `nil` when it is not in memory or has no event.
    func view(of thread: ThreadID) -> ThreadView? {
        guard let index = byThread[thread], let slot = slots[index], let head = slot.head, let oldest = slot.oldest
        else { return nil }
        return ThreadView(
            number: planning[index].number,
            owner: slot.owner,
            oldest: oldest,
            head: head,
            references: slot.references,
            marks: slot.marks,
            openRuns: slot.openRuns
        )
    }

    /// The starts of some runs, as far as they are in memory.
    struct StartedRuns {
        /// Those that start in blocks which are in no chunk, and the numbers of their first events.
        var starts: [RunID: UInt64]
        /// The sequence of the oldest event that can be read.
        var oldest: UInt64
        /// Whether the file may have more.
        var isStored: Bool
    }

    /// - Returns: `nil` when the thread is not in memory.
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) -> StartedRuns? {
        guard let index = byThread[thread], let slot = slots[index] else { return nil }
        let oldest = slot.oldest?.sequence ?? 0
        var starts: [RunID: UInt64] = [:]
        for run in runs {
            guard let start = slot.starts[run], start >= max(oldest, 1) else { continue }
            starts[run] = start
        }
        return StartedRuns(starts: starts, oldest: oldest, isStored: planning[index].isStored)
    }

    /// The thread in memory that has a number.
    func thread(number: UInt64) -> ThreadID? {
        byNumber[number].flatMap { slots[$0]?.owner.thread }
    }

    /// The last sequence of a thread in memory, by its number.
    func head(number: UInt64) -> UInt64? {
        byNumber[number].map { planning[$0].sequence }
    }

    /// The beginning and the end of a thread in memory, by its number; `nil` when it is not in memory or has no event.
    func bounds(number: UInt64) -> ThreadBounds? {
        guard let slot = byNumber[number].flatMap({ slots[$0] }), let oldest = slot.oldest, let head = slot.head
        else { return nil }
        return ThreadBounds(
            oldest: oldest.sequence, head: head.sequence, firstOpen: slot.openRuns.map(\.sequence).min())
    }

    /// A trim is in the file.
    mutating func trim(number: UInt64, to sequence: UInt64) {
        guard let index = byNumber[number], slots[index]?.oldest?.sequence ?? .max < sequence else { return }
        slots[index]?.oldest = EventID(generation: 0, sequence: sequence)
    }

    // MARK: Deletion

    /// A thread in memory, as far as a deletion has to know it.
    func stored(_ thread: ThreadID) -> StoredThread? {
        byThread[thread].flatMap { index in
            slots[index].map { StoredThread(number: planning[index].number, owner: $0.owner, head: $0.head) }
        }
    }

    /// Forgets a thread that was deleted, with everything that is in no file. Nothing is on its way into the file, and
    /// nobody plans anything for the thread.
    mutating func delete(number: UInt64) {
        keys.forget(thread: number)
        guard let index = byNumber[number], let slot = slots[index] else { return }
        newThreads.removeAll { $0 == index }
        byOwner[ObjectIdentifier(slot.owner)] = nil
        byThread[slot.owner.thread] = nil
        byNumber[number] = nil
        slots[index] = nil
        freeSlots.append(index)
    }

    /// The threads of a user that are in memory and have an event, by their numbers.
    func threads(of user: UserID) -> [UInt64: ThreadID] {
        var threads: [UInt64: ThreadID] = [:]
        for (slot, planned) in zip(slots, planning) {
            guard let slot, slot.owner.user == user, slot.head != nil else { continue }
            threads[planned.number] = slot.owner.thread
        }
        return threads
    }

    /// The events of a key that is not in the file yet.
    func recall(_ key: IdempotencyKey, number: UInt64) -> PlannedKey? { keys[number, key] }

    /// The numbers of the threads in memory, and whether a run is open in them.
    var runStates: [(number: UInt64, thread: ThreadID, isOpen: Bool)] {
        zip(slots, planning).compactMap { slot, planned in
            slot.map { (planned.number, $0.owner.thread, !$0.openRuns.isEmpty) }
        }
    }

    // MARK: Commits

    /// Checks that entries follow the committed ones, and decides what to write with them. Their owners are known.
    ///
    /// - Throws: `log.conflict`; then nothing has changed.
    mutating func plan(
        _ entries: [LogEntry],
        keys: [KeyedEvents],
        time: Timestamp
    ) throws(EventLogError) -> CommitPlan {
        var plan = CommitPlan()
        plan.placements.reserveCapacity(entries.count)
        do throws(EventLogError) {
            var started: [UInt64: [OpenRun]] = [:]
            for entry in entries { try self.plan(entry, in: &plan, started: &started) }
            for keyed in keys { plan.keys.append(try planned(keyed, time: time)) }
        } catch {
            for placement in plan.placements { planning[placement.slot].sequence -= 1 }
            throw error
        }
        return plan
    }

    private mutating func plan(
        _ entry: LogEntry,
        in plan: inout CommitPlan,
        started: inout [UInt64: [OpenRun]]
    ) throws(EventLogError) {
        // Several equal owners may be in one commit, of which one is the known one.
        guard let index = byOwner[ObjectIdentifier(entry.owner)] ?? byThread[entry.owner.thread] else {
            preconditionFailure("an owner that was made known is known")
        }
        let last = planning[index].sequence
        let number = planning[index].number
        guard last < entry.id.sequence, last + 1 == entry.id.sequence else {
            throw EventLogError(
                .conflict,
                "event \(entry.id) of thread \(entry.owner.thread) does not follow sequence \(last)"
            )
        }
        if last == 0, !planning[index].isStored {
            plan.newThreads.append(StoredThread(number: number, owner: entry.owner, oldest: entry.id))
        }
        planning[index].sequence = entry.id.sequence
        let mark = mark(of: entry, number: number, slot: index, started: &started)
        plan.placements.append(Placement(slot: index, number: number, mark: mark))
    }

    /// The beginning or end of a run that an entry is. An end of a run that is not open counts for nothing.
    ///
    /// - Parameter started: the runs that the commit itself begins, by the number of the thread.
    private func mark(
        of entry: LogEntry,
        number: UInt64,
        slot: Int,
        started: inout [UInt64: [OpenRun]]
    ) -> RunMark? {
        let begins = entry.type.beginsRun
        guard begins || entry.type.endsRun, let run = entry.run else { return nil }
        let isThis = { (open: OpenRun) in open.run == run }
        let open = started[number]?.last(where: isThis) ?? slots[slot]?.openRuns.last(where: isThis)
        if begins {
            // One that was queued is open, and starts now.
            guard open == nil else { return nil }
            let mark = RunMark.started(run, sequence: entry.id.sequence, host: entry.host)
            started[number, default: []].note(mark)
            return mark
        }
        return open.map { .ended(startSequence: $0.sequence) }
    }

    /// A key comes with events of its thread, so the thread is in memory.
    private func planned(_ keyed: KeyedEvents, time: Timestamp) throws(EventLogError) -> PlannedKey {
        guard let number = byThread[keyed.thread].map({ planning[$0].number }) else {
            throw EventLogError(.conflict, "the key \(keyed.key) is of a thread without events in the commit")
        }
        guard let ids = RisingIDs(keyed.ids) else {
            throw EventLogError(.conflict, "the key \(keyed.key) has no events, or their ids do not rise")
        }
        return PlannedKey(thread: number, key: keyed.key, ids: ids, digest: keyed.digest, time: time)
    }

    /// Takes a commit over that is durable.
    ///
    /// - Parameter end: the position after its last block.
    mutating func apply(_ plan: CommitPlan, entries: [LogEntry], blocks: [EncodedCommit.Block], end: Int64) {
        for thread in plan.newThreads { noteNew(number: thread.number) }
        var position = 0
        for block in blocks {
            for entryIndex in position..<position + block.entryCount {
                let placement = plan.placements[entryIndex]
                note(entries[entryIndex].id, in: placement.slot, mark: placement.mark, block: block.position)
            }
            position += block.entryCount
        }
        for key in plan.keys { keys.append(key) }
        self.end = end
        sweep()
    }

    // MARK: Recovery

    /// Takes over a record of a block after the watermark. Its thread is in memory.
    mutating func restore(_ id: EventID, number: UInt64, mark: RunMark?, block: Int64) {
        guard let slot = byNumber[number] else { preconditionFailure("the thread was taken into memory before") }
        planning[slot].sequence = id.sequence
        note(id, in: slot, mark: mark, block: block)
    }

    mutating func restore(_ key: PlannedKey) { keys.append(key) }

    /// A thread that has no row in the file is in memory.
    mutating func noteNew(number: UInt64) {
        if let slot = byNumber[number] { newThreads.append(slot) }
    }

    /// Everything before a position was taken over.
    mutating func reach(_ end: Int64) { self.end = max(self.end, end) }

    private mutating func note(_ id: EventID, in slot: Int, mark: RunMark?, block: Int64) {
        eventCount += 1
        // In place, and once: a slot is several arrays, and no copy of it is made for each event.
        let pendingCount = slots[slot]?.note(id, mark: mark, block: block, eventCount: eventCount) ?? 0
        if pendingCount == 1 { aging.append(AgingQueue.Element(slot: slot, since: eventCount, block: block)) }
        if pendingCount == limits.chunkReferenceCount { full.append(slot) }
    }

    // MARK: Updates of the file

    /// Whether so much has piled up that it should go into the file.
    mutating func needsUpdate() -> Bool {
        if full.count + keys.count >= limits.updateCount || slots.count - freeSlots.count > limits.threadCount {
            return true
        }
        guard let oldest = oldestPending() else { return false }
        return eventCount - oldest.since >= UInt64(limits.eventCount)
    }

    /// The chunks and keys that could be in the file and are not.
    var backlog: Int { full.count + keys.count }

    /// Takes the update to write now: of threads with many references, with old ones, or when there are too many
    /// threads. It stays in memory until it was written.
    ///
    /// - Parameters:
    ///   - limit: the largest number of chunks, approximately.
    ///   - position: references to blocks before it are old, too.
    mutating func takeUpdate(limit: Int, before position: Int64 = 0) -> IndexUpdate {
        var update = IndexUpdate()
        while update.chunks.count < limit, let slot = full.popLast() {
            guard let count = slots[slot]?.pendingCount, count >= limits.chunkReferenceCount else { continue }
            take(slot, into: &update)
        }
        var surplus = slots.count - freeSlots.count - limits.threadCount
        while update.chunks.count < limit, let oldest = oldestPending() {
            let isOld = oldest.block < position || eventCount - oldest.since >= UInt64(limits.eventCount)
            guard surplus > 0 || isOld else { break }
            surplus -= 1
            // A thread that has a chunk on its way gets its turn when that is written.
            guard take(oldest.slot, into: &update) else { break }
        }
        finish(&update)
        return update
    }

    /// Everything that is not in the file, for a log that is closed.
    mutating func takeEverything() -> IndexUpdate {
        var update = IndexUpdate()
        for slot in slots.indices { take(slot, into: &update) }
        full = []
        finish(&update)
        return update
    }

    private mutating func finish(_ update: inout IndexUpdate) {
        update.threads = newThreads.compactMap { index in
            slots[index].map { StoredThread(number: planning[index].number, owner: $0.owner, oldest: $0.oldest) }
        }
        update.keys = keys.take()
        update.indexedThrough = oldestPending()?.block ?? end
        update.end = end
    }

    @discardableResult
    private mutating func take(_ slot: Int, into update: inout IndexUpdate) -> Bool {
        guard let chunk = slots[slot]?.takeChunk(number: planning[slot].number) else { return false }
        update.chunks.append(chunk)
        return true
    }

    /// An update is in the file.
    mutating func didWrite(_ update: IndexUpdate) {
        newThreads.removeFirst(update.threads.count)
        for thread in update.threads {
            if let slot = byNumber[thread.number] { planning[slot].isStored = true }
        }
        for chunk in update.chunks {
            if let slot = byNumber[chunk.thread] { slots[slot]?.removeTaken() }
        }
        keys.removeTaken()
    }

    private mutating func oldestPending() -> AgingQueue.Element? {
        while let first = aging.first {
            if slots[first.slot]?.pendingSince == first.since { return first }
            aging.removeFirst()
        }
        return nil
    }

    /// Forgets some threads that have nothing pending, when there are too many.
    private mutating func sweep() {
        var surplus = slots.count - freeSlots.count - limits.threadCount
        var steps = surplus * 4
        while surplus > 0, steps > 0 {
            steps -= 1
            sweepPosition = (sweepPosition + 1) % slots.count
            let known = planning[sweepPosition]
            guard known.isStored, let slot = slots[sweepPosition], slot.references.isEmpty else { continue }
            byOwner[ObjectIdentifier(slot.owner)] = nil
            byThread[slot.owner.thread] = nil
            byNumber[known.number] = nil
            slots[sweepPosition] = nil
            freeSlots.append(sweepPosition)
            surplus -= 1
        }
    }
}
