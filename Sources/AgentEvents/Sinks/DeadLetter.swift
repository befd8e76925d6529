/// A place for events that a ``DurableSink`` refused for good.
///
/// A letter that was accepted is never given again, unless the process or the power ended before the sink's offset was
/// saved; then it may be there twice.
public protocol DeadLetterStore: Sendable {
    /// Keeps a letter; returns when it is kept for good. Called by one task of each sink at a time.
    ///
    /// - Throws: when the letter is not kept for certain. The sink then fails with `sink.set_aside_failed`, and
    ///   continues with the same event when the runtime is started again.
    func append(_ letter: DeadLetter) async throws
}

/// An event that a sink refused for good.
public struct DeadLetter: Sendable {
    /// The sink's name.
    public var sink: String
    /// Why it was refused last.
    public var error: String
    /// The number of times that it was given to the sink.
    public var attempts: Int
    /// When it was refused last.
    public var time: Timestamp
    /// The event, exactly as it is in the log.
    public var event: [UInt8]

    public init(sink: String, error: String, attempts: Int, time: Timestamp, event: [UInt8]) {
        self.sink = sink
        self.error = error
        self.attempts = attempts
        self.time = time
        self.event = event
    }

    /// One line with its end: `{"sink":…,"error":…,"attempts":…,"time":…,"event":{…}}`.
    public func line() -> [UInt8] {
        var writer = JSONWriter(capacity: event.count + 256)
        writer.raw("{\"sink\":")
        writer.string(sink)
        writer.raw(",\"error\":")
        writer.string(error)
        writer.raw(",\"attempts\":")
        writer.integer(Int64(attempts))
        writer.raw(",\"time\":")
        writer.string(time.rfc3339)
        writer.raw(",\"event\":")
        writer.raw(event)
        writer.raw("}\n")
        return writer.bytes
    }
}
