/// Blocks that were removed, with everything between them.
struct RemovedBlocks: Hashable, Sendable {
    /// The position of the first.
    var start: Int64
    /// The log offset after their last event.
    var through: UInt64
}

extension [RemovedBlocks] {
    /// One value for blocks that go now and those removed before, where nothing is kept in between.
    ///
    /// - Parameters:
    ///   - previous: the end of the last file before these blocks that is kept; 0 for none.
    ///   - next: the start of the first file after them that is kept.
    func merging(_ blocks: RemovedBlocks, between previous: Int64, and next: Int64) -> RemovedBlocks {
        var joined = blocks
        for other in self where other.start >= previous && other.start < next {
            joined.start = Swift.min(joined.start, other.start)
            joined.through = Swift.max(joined.through, other.through)
        }
        return joined
    }

    mutating func insert(_ joined: RemovedBlocks) {
        removeAll { $0.start >= joined.start && $0.through <= joined.through }
        append(joined)
    }

    /// Whether events after an offset, and before a position, are gone.
    func includes(behind offset: UInt64, before position: Int64) -> Bool {
        contains { $0.through > offset && $0.start < position }
    }

    /// The offset after everything that is gone before a position.
    func end(before position: Int64) -> UInt64 {
        reduce(0) { $1.start < position ? Swift.max($0, $1.through) : $0 }
    }
}
