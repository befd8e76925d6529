/// The answer of a log that is opened.
public struct LogOpening: Sendable {
    /// Higher than at any opening of the log before, and none that another history has: one that
    /// ``GenerationSource/next(after:)`` gives for the last one, or one that is unique for another reason.
    public var generation: UInt64
    /// The threads with runs that have no end, whether they are hosted here or outside.
    public var threadsWithOpenRuns: [ThreadID]

    /// The offset after the last event that was committed before; see ``LogRead/Selection/all(afterOffset:)``.
    public var endOffset: UInt64

    public init(generation: UInt64, threadsWithOpenRuns: [ThreadID], endOffset: UInt64) {
        self.generation = generation
        self.endOffset = endOffset
        self.threadsWithOpenRuns = threadsWithOpenRuns
    }
}
