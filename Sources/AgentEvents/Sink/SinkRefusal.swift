/// An error of a sink that says whether, and when, the batch may be given again. After any other error it is given again
/// as the ``SinkRetryPolicy`` says.
public protocol SinkRefusal: Error {
    /// What to do with the batch.
    var advice: SinkRetryAdvice { get }
}

/// What to do with a batch that a sink refused.
@nonexhaustive
public enum SinkRetryAdvice: Hashable, Sendable {
    /// Give it again, as often and as patiently as the policy says.
    case asUsual
    /// Give it again after this time. It does not count as an attempt: the sink is asking to be left alone for a while.
    /// A time of nothing or less asks for nothing: as ``asUsual``.
    case after(Duration)
    /// Giving it again is of no use.
    case never
}
