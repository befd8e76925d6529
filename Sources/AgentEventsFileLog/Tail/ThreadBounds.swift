/// The beginning and the end of a thread, in sequences.
struct ThreadBounds: Hashable, Sendable {
    /// The oldest event that can be read, or the one after the head.
    var oldest: UInt64
    var head: UInt64
    /// The start of the oldest run without an end; `nil` when all have ended.
    var firstOpen: UInt64?

    /// The first event that a trim to a sequence keeps: not inside a run that is open, and not beyond the end.
    func firstKept(ofTrimTo sequence: UInt64) -> UInt64 { min(sequence, head + 1, firstOpen ?? .max) }
}
