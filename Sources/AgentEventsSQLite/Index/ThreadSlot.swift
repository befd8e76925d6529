import AgentEvents

/// A thread in memory: its head, and what of it is not in a chunk yet.
struct ThreadSlot: Sendable {
    var owner: ThreadOwner
    let number: UInt64
    /// Whether the file knows the thread.
    var isStored: Bool
    /// The generation of the first event.
    var generation: UInt64
    /// The last committed event; `nil` for none.
    var head: EventID?
    /// The last sequence of the commit under way.
    var planned: UInt64
    /// Blocks that are in no chunk.
    var references: [BlockReference] = []
    /// Starts and ends in these blocks.
    var marks: [RunMark] = []
    var openRuns: [OpenRun]
    /// The count of events when the first of ``references`` came; `nil` when there is none.
    var pendingSince: UInt64?

    init(_ thread: StoredThread, isStored: Bool) {
        owner = thread.owner
        number = thread.number
        self.isStored = isStored
        generation = thread.generation
        head = thread.head
        planned = thread.head?.sequence ?? 0
        openRuns = thread.openRuns
    }

    /// The pending references as a chunk; `nil` when there are none.
    var chunk: IndexChunk? {
        guard !references.isEmpty, let head else { return nil }
        return IndexChunk(thread: number, last: head, references: references, marks: marks)
    }
}

extension ThreadSlot {
    /// Takes a committed event over.
    ///
    /// - Returns: how many references are pending, if there is one more; else 0.
    mutating func note(_ id: EventID, mark: RunMark?, block: Int64) -> Int {
        if head == nil {
            isStored = true
            generation = id.generation
        }
        head = id
        if let mark {
            marks.append(mark)
            openRuns.note(mark)
        }
        guard references.last?.block != block else { return 0 }
        references.append(BlockReference(block: block, sequence: id.sequence))
        return references.count
    }

    /// Takes back what a commit had planned that is not made.
    mutating func forgetPlan() {
        planned = head?.sequence ?? 0
    }

    /// Removes what a chunk has that was written.
    mutating func removeChunk(_ chunk: IndexChunk) {
        references.removeFirst(chunk.references.count)
        marks.removeFirst(chunk.marks.count)
        pendingSince = nil
    }
}
