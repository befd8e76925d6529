/// One way through a file of blocks, from its beginning to its end, in parts.
struct SegmentPass: Sendable {
    /// The event that keeps a file: one of a run that is open, or one after its start.
    struct Blocker: Hashable, Sendable {
        let thread: UInt64
        let sequence: UInt64
    }

    let segment: Segment
    /// The position at which the pass ends.
    let end: Int64
    /// The first time through is 1.
    let round: Int
    /// The position at which the next part begins.
    var position: Int64
    /// Whether nothing that was met can be read any longer.
    var isClean = true
    var hasTrims = false
    var blocker: Blocker?
    /// The log offset after the last event that was met.
    var offset: UInt64 = 0

    init(_ segment: Segment, through end: Int64, round: Int = 1) {
        self.segment = segment
        self.end = min(segment.end, end)
        self.round = round
        position = segment.start
    }

    var isOver: Bool { position >= end }
    /// Whether the file as a whole was met.
    var isWhole: Bool { end == segment.end }
}
