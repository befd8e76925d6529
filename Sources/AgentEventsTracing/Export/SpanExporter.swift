/// A destination for spans, outside of the process.
public protocol SpanExporter: Sendable {
    /// Sends spans, which may have been sent before. Called by one task at a time, also by one that is cancelled; it returns
    /// all the same when the spans were taken or not, and at the latest after the time that it is given.
    ///
    /// - Parameter limit: the longest time that it takes.
    func export(_ spans: [TraceSpan], within limit: Duration) async -> SpanExportResult
}

/// The outcome of sending spans.
@nonexhaustive
public enum SpanExportResult: Hashable, Sendable {
    /// They were taken, all but a number of them, which are of no use to the receiver.
    case taken(rejectedCount: Int)
    /// They were refused for good, for a reason in words; sending them again is of no use.
    case refused(String)
    /// They were not taken, for a reason in words, and are sent again, after this time if the receiver asked for one.
    case unavailable(String, retryAfter: Duration?)
}
