/// A request for what a policy does not keep.
public struct RetentionQuery: Sendable {
    public var policy: RetentionPolicy
    /// The wall-clock time from which ages count.
    public var now: Timestamp
    /// No more threads than this in one answer; at least 1.
    public var maximumThreadCount: Int

    public init(policy: RetentionPolicy, now: Timestamp, maximumThreadCount: Int = 1000) {
        precondition(maximumThreadCount > 0, "an answer has room for one thread at least")
        self.policy = policy
        self.now = now
        self.maximumThreadCount = maximumThreadCount
    }
}

/// A part of what a policy does not keep.
public struct RetentionStep: Hashable, Sendable {
    /// What is to be trimmed now; each thread at most once. May be empty before the last step.
    public var trims: [ThreadTrim]
    /// Whether nothing more is due at present, once these are trimmed.
    public var isLast: Bool

    public init(trims: [ThreadTrim], isLast: Bool) {
        self.trims = trims
        self.isLast = isLast
    }
}
