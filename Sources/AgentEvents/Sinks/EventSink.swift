/// A destination for committed events in the backend's process.
///
/// A runtime calls ``receive(_:)`` from one task, one batch after the other. Batches hold committed events only (I1),
/// in the order of their commits, which within a thread is the order of `seq`. A batch whose call throws is given
/// again, so a sink sees each event at least once; (thread, seq) tells a repetition. Sinks do not wait for each other,
/// and no run waits for a sink.
///
/// A runtime that stops gives the sinks what was committed before. It may do so in a cancelled task: a sink that reacts
/// to cancellation misses that.
///
/// A sink starts with the events that are committed after the runtime's start; a ``DurableSink`` continues after a
/// restart where it was. A ``DeletionSink`` is told of deleted threads as well.
public protocol EventSink: Sendable {
    /// A name for people and logs.
    var name: String { get }

    /// Takes a batch; returns when the sink is done with it.
    ///
    /// - Throws: when the batch was not taken; it is given again later (``SinkRetryPolicy``, ``SinkRefusal``).
    func receive(_ batch: SinkBatch) async throws
}

/// Committed events on their way to a sink.
public struct SinkBatch: Sendable {
    /// At least one event, in the order of the commits.
    public var events: [StoredEvent]

    public init(events: [StoredEvent]) { self.events = events }

    /// The events, decoded.
    public func decoded() throws(WireError) -> [AgentEvent] {
        var decoded: [AgentEvent] = []
        decoded.reserveCapacity(events.count)
        for event in events { decoded.append(try EventDecoder.decode(event.bytes)) }
        return decoded
    }
}
