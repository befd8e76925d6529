/// An error of a sink that says whether, and when, the batch may be given again. After any other error it is given
/// again as the ``SinkRetryPolicy`` says.
public protocol SinkRefusal: Error {
    /// The advice of the sink for the batch.
    var advice: SinkRetryAdvice { get }
}

/// The treatment of a batch that a sink refused.
@nonexhaustive
public enum SinkRetryAdvice: Hashable, Sendable {
    /// Give it again, as often and as patiently as the policy says.
    case asUsual
    /// Give it again after this time. It does not count as an attempt: the sink is asking to be left alone for a while.
    /// A time of nothing or less asks for nothing: as ``asUsual``.
    case after(Duration)
    /// The sink is out of order, whatever it is given: give it again as patiently as the policy says. A durable sink
    /// sets nothing aside for it, however long it lasts.
    case outage
    /// Giving these events again is of no use, because of something in them. Only for what the sink knows by itself: an
    /// answer of somebody else, who may be out of order, is no reason.
    case never
    /// Give the sink nothing more until the next start of the runtime. A ``DurableSink`` then continues with the same
    /// event; nothing is set aside.
    case stop
}
