/// What a log says when it is opened.
public struct LogOpening: Sendable {
    /// One more than at the last opening; 1 at the first.
    public var generation: UInt64
    /// The threads with runs that have no end.
    public var threadsWithOpenRuns: [ThreadID]

    public init(generation: UInt64, threadsWithOpenRuns: [ThreadID]) {
        self.generation = generation
        self.threadsWithOpenRuns = threadsWithOpenRuns
    }
}
