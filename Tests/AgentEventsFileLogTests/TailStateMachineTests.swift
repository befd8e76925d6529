import AgentEvents
import Testing

@testable import AgentEventsFileLog

/// The part of the index that is in memory.
@Suite struct TailStateMachineTests {
    private static func tail(threads: Int = 100) -> TailStateMachine {
        TailStateMachine(
            limits: .init(chunkReferenceCount: 3, eventCount: 20, threadCount: threads, updateCount: 2), end: 0)
    }

    private static func owner(_ number: Int) -> ThreadOwner {
        ThreadOwner(thread: ThreadID(stringLiteral: "t_\(number)"), user: "u_1")
    }

    private static func entry(
        _ sequence: UInt64,
        _ owner: ThreadOwner,
        type: EventType = .custom,
        run: RunID? = nil
    ) -> LogEntry {
        LogEntry(owner: owner, id: EventID(generation: 1, sequence: sequence), type: type, run: run, bytes: [1])
    }

    private static func known(_ owner: ThreadOwner, number: UInt64, in tail: inout TailStateMachine) {
        tail.insert(StoredThread(number: number, owner: owner), isStored: false)
    }

    /// A commit of entries in one block.
    private static func append(_ entries: [LogEntry], block: Int64, to tail: inout TailStateMachine) throws {
        let plan = try tail.plan(entries, keys: [], time: Timestamp(milliseconds: 0))
        let blocks = [EncodedCommit.Block(position: block, entryCount: entries.count)]
        tail.apply(plan, entries: entries, blocks: blocks, end: block + 100)
    }

    @Test func aRefusedPlanChangesNothing() throws {
        var tail = Self.tail()
        let owner = Self.owner(1)
        Self.known(owner, number: 1, in: &tail)
        try Self.append([Self.entry(1, owner)], block: 0, to: &tail)
        for sequences in [[1], [3], [2, 4], [2, 2], [0]] as [[UInt64]] {
            let error = #expect(throws: EventLogError.self) {
                try Self.append(sequences.map { Self.entry($0, owner) }, block: 100, to: &tail)
            }
            #expect(error?.code == .conflict, "\(sequences)")
            #expect(tail.view(of: "t_1")?.head.sequence == 1 && tail.end == 100, "\(sequences)")
        }
        try Self.append([Self.entry(2, owner), Self.entry(3, owner)], block: 100, to: &tail)
        #expect(tail.view(of: "t_1")?.head.sequence == 3 && tail.end == 200)
    }

    @Test func aThreadOfAnotherUserIsAConflict() {
        var tail = Self.tail()
        Self.known(Self.owner(1), number: 1, in: &tail)
        let error = #expect(throws: EventLogError.self) { try tail.knows(ThreadOwner(thread: "t_1", user: "u_2")) }
        #expect(error?.code == .conflict)
    }

    /// A block has one reference, however many events of the thread it has.
    @Test func referencesAndMarksAreThoseOfTheEvents() throws {
        var tail = Self.tail()
        let owner = Self.owner(1)
        Self.known(owner, number: 1, in: &tail)
        try Self.append(
            [Self.entry(1, owner, type: .agentStarted, run: "r_1"), Self.entry(2, owner)], block: 0, to: &tail)
        var outside = Self.entry(3, owner, type: .agentStarted, run: "r_2")
        outside.host = .outside
        try Self.append([outside], block: 100, to: &tail)
        try Self.append([Self.entry(4, owner, type: .agentFailed, run: "r_1")], block: 200, to: &tail)
        // One that is not open counts for nothing.
        try Self.append([Self.entry(5, owner, type: .agentFailed, run: "r_1")], block: 300, to: &tail)
        let view = try #require(tail.view(of: "t_1"))
        #expect(
            view.references == [
                BlockReference(block: 0, sequence: 1), BlockReference(block: 100, sequence: 3),
                BlockReference(block: 200, sequence: 4), BlockReference(block: 300, sequence: 5),
            ])
        #expect(
            view.marks == [
                .started("r_1", sequence: 1), .started("r_2", sequence: 3, host: .outside), .ended(startSequence: 1),
            ])
        #expect(view.openRuns == [OpenRun(run: "r_2", sequence: 3, host: .outside)])
        #expect(tail.bounds(number: 1) == ThreadBounds(oldest: 1, head: 5, firstOpen: 3))
    }

    /// What is taken for the file stays until it is there, and is taken once.
    @Test func anUpdateHasEverythingOnce() throws {
        var tail = Self.tail()
        let owners = [Self.owner(1), Self.owner(2)]
        for (index, owner) in owners.enumerated() { Self.known(owner, number: UInt64(index) + 1, in: &tail) }
        for sequence in 1...4 {
            let entries = owners.map { Self.entry(UInt64(sequence), $0) }
            try Self.append(entries, block: Int64(sequence) * 100, to: &tail)
        }
        let isDue = tail.needsUpdate()
        #expect(isDue)
        let update = tail.takeUpdate(limit: 10)
        #expect(Set(update.chunks.map(\.thread)) == [1, 2])
        #expect(update.chunks.allSatisfy { $0.references.count == 4 && $0.last.sequence == 4 })
        #expect(update.threads.map(\.number) == [1, 2])
        #expect(update.indexedThrough == 500 && update.end == 500)
        #expect(tail.view(of: "t_1")?.references.count == 4, "until it is in the file")
        try Self.append([Self.entry(5, owners[0])], block: 500, to: &tail)
        let next = tail.takeUpdate(limit: 10, before: 600)
        #expect(next.chunks.isEmpty && next.indexedThrough == 500, "a thread has one chunk on its way")
        tail.didWrite(update)
        #expect(tail.view(of: "t_1")?.references == [BlockReference(block: 500, sequence: 5)])
        #expect(tail.view(of: "t_2")?.references == [])
        let last = tail.takeEverything()
        #expect(last.chunks.map(\.thread) == [1] && last.threads.isEmpty && last.indexedThrough == 600)
        tail.didWrite(last)
        #expect(tail.takeEverything().isEmpty)
    }

    /// How far the index is never goes beyond the first block that only the memory knows.
    @Test func theWatermarkIsBeforeWhatIsPending() throws {
        var tail = Self.tail()
        let owners = (1...6).map(Self.owner)
        for (index, owner) in owners.enumerated() { Self.known(owner, number: UInt64(index) + 1, in: &tail) }
        for (index, owner) in owners.enumerated() {
            try Self.append([Self.entry(1, owner)], block: Int64(index) * 100, to: &tail)
        }
        for position: Int64 in [100, 250, 600] {
            let update = tail.takeUpdate(limit: 100, before: position)
            tail.didWrite(update)
            #expect(update.indexedThrough == (position + 99) / 100 * 100)
            let pending = owners.indices.filter { tail.view(of: owners[$0].thread)?.references.isEmpty == false }
            #expect(pending.allSatisfy { Int64($0) * 100 >= update.indexedThrough })
        }
    }

    @Test func threadsThatAreInTheFileLeaveTheMemory() throws {
        var tail = Self.tail(threads: 3)
        for number in 1...20 {
            let owner = Self.owner(number)
            Self.known(owner, number: UInt64(number), in: &tail)
            try Self.append([Self.entry(1, owner)], block: Int64(number) * 100, to: &tail)
            if tail.needsUpdate() { tail.didWrite(tail.takeUpdate(limit: 100)) }
        }
        let inMemory = (1...20).filter { tail.thread(number: UInt64($0)) != nil }
        #expect(inMemory.contains(20))
        #expect(inMemory.count <= 6, "\(inMemory)")
    }

    @Test func aTrimIsSeenAtOnce() throws {
        var tail = Self.tail()
        let owner = Self.owner(1)
        Self.known(owner, number: 1, in: &tail)
        for sequence in 1...5 {
            try Self.append([Self.entry(UInt64(sequence), owner)], block: Int64(sequence) * 100, to: &tail)
        }
        tail.trim(number: 1, to: 4)
        #expect(tail.view(of: "t_1")?.oldest == EventID(generation: 0, sequence: 4))
        tail.trim(number: 1, to: 2)
        #expect(tail.bounds(number: 1)?.oldest == 4, "never back")
    }
}
