import AgentEvents

/// A thread in memory: its head, and what of it is not in the file of the index yet.
struct ThreadSlot: Sendable {
    var owner: ThreadOwner
    /// The oldest event that can be read; `nil` before the first. See ``StoredThread/oldest``.
    var oldest: EventID?
    /// The last committed event; `nil` for none.
    var head: EventID?
    /// Blocks that are in no chunk.
    var references: [BlockReference] = []
    /// Starts and ends in these blocks.
    var marks: [RunMark] = []
    /// The runs that start in these blocks, with the sequences of their starts; of one that starts again, of the last.
    private(set) var starts: [RunID: UInt64] = [:]
    /// The number of ``references`` and ``marks`` that are about to be written.
    var takenReferences = 0
    var takenMarks = 0
    var openRuns: [OpenRun]
    /// The count of events when the first reference came that is not about to be written; `nil` when there is none.
    var pendingSince: UInt64?

    init(_ thread: StoredThread) {
        owner = thread.owner
        oldest = thread.oldest
        head = thread.head
        openRuns = thread.openRuns
    }

    /// The number of references that are in no chunk and not about to be.
    var pendingCount: Int { references.count - takenReferences }
}

extension ThreadSlot {
    /// Takes a committed event over.
    ///
    /// - Parameter eventCount: the count of events, with this one.
    /// - Returns: the number of pending references if there is one more, or 0.
    mutating func note(_ id: EventID, mark: RunMark?, block: Int64, eventCount: UInt64) -> Int {
        if oldest == nil { oldest = id }
        head = id
        if let mark {
            marks.append(mark)
            openRuns.note(mark)
            if case .started(let run, let sequence, _) = mark { starts[run] = sequence }
        }
        // The events that a chunk has end with it, so the next one has a reference of its own.
        if pendingCount > 0, references[references.count - 1].block == block { return 0 }
        references.append(BlockReference(block: block, sequence: id.sequence))
        if pendingCount == 1 { pendingSince = eventCount }
        return pendingCount
    }

    /// Takes what is pending, as a chunk that is about to be written; `nil` when there is nothing, or one is on its
    /// way.
    ///
    /// - Parameter number: the thread's.
    mutating func takeChunk(number: UInt64) -> IndexChunk? {
        guard !references.isEmpty, takenReferences == 0, let head else { return nil }
        takenReferences = references.count
        takenMarks = marks.count
        pendingSince = nil
        return IndexChunk(thread: number, last: head, references: references, marks: marks)
    }

    /// The chunk that was taken is in the file.
    mutating func removeTaken() {
        references.removeFirst(takenReferences)
        for case .started(let run, let sequence, _) in marks.prefix(takenMarks) where starts[run] == sequence {
            starts[run] = nil
        }
        marks.removeFirst(takenMarks)
        takenReferences = 0
        takenMarks = 0
    }
}
