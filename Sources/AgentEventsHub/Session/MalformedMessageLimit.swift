/// Counts malformed messages: more than 100 within 10 seconds are too many.
struct MalformedMessageLimit {
    static let maximumCount = 100
    static let windowMilliseconds: Int64 = 10_000

    private var windowStart: Int64?
    private var count = 0

    /// - Parameter now: milliseconds of a clock that does not go backwards.
    /// - Returns: whether the connection may continue.
    mutating func record(at now: Int64) -> Bool {
        if let start = windowStart, now - start < Self.windowMilliseconds {
            count += 1
        } else {
            windowStart = now
            count = 1
        }
        return count <= Self.maximumCount
    }
}
