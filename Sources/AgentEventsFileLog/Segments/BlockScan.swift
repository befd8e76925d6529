import AgentEvents

/// Reads blocks one after the other.
struct BlockScan {
    private let blocks: SegmentStore
    /// The position of the search for the next block.
    private(set) var position: Int64
    private let end: Int64
    /// The ranges without blocks, among those searched: gaps between two openings, and files that were gone.
    private(set) var holes: [Range<Int64>] = []

    /// - Parameters:
    ///   - position: where a block begins, or anywhere in a gap between two files.
    ///   - end: nothing from there on is read.
    init(blocks: SegmentStore, from position: Int64, end: Int64) {
        self.blocks = blocks
        self.position = position
        self.end = end
    }

    /// The next block, or `nil` at the end. What it was given before is invalid then.
    mutating func next(_ buffer: inout BlockBuffer) throws(EventLogError) -> BlockReader? {
        while let segment = blocks.segment(at: position) {
            skip(to: min(segment.start, end))
            guard position < end else { return nil }
            do throws(EventLogError) {
                let block = try blocks.block(at: position, &buffer)
                position += Int64(block.byteCount)
                return block
            } catch {
                // A file that was removed meanwhile is passed over like one that was removed before.
                if blocks.segment(at: position)?.start == segment.start { throw error }
            }
        }
        skip(to: end)
        return nil
    }

    private mutating func skip(to next: Int64) {
        guard position < next else { return }
        if let last = holes.last, last.upperBound == position {
            holes[holes.count - 1] = last.lowerBound..<next
        } else {
            holes.append(position..<next)
        }
        position = next
    }
}
