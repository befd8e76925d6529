/// An event that a sink refused for good.
struct DeadLetter: Sendable {
    /// The sink's name.
    var sink: String
    /// Why it was refused last.
    var error: String
    /// How often it was given.
    var attempts: Int
    var time: Timestamp
    /// The event, exactly as it is in the log.
    var event: [UInt8]

    /// One line with its end: `{"sink":…,"error":…,"attempts":…,"time":…,"event":{…}}`.
    func line() -> [UInt8] {
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
