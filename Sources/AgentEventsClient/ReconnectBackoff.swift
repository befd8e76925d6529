/// Exponential backoff with full jitter: the bound of the pause doubles with each failure in a row, and the pause is
/// anywhere below it, so that many clients do not come back at once.
public struct ReconnectBackoff: Hashable, Sendable {
    /// The bound after the first failure, in seconds. Default: 0.25.
    public var firstSeconds: Double = 0.25
    /// The largest bound, in seconds. Default: 30.
    public var longestSeconds: Double = 30

    public init() {}

    /// - Parameters:
    ///   - failures: how many attempts failed in a row; at least 1.
    ///   - random: 0 up to, not including, 1.
    /// - Returns: the pause, in seconds.
    package func pauseSeconds(afterFailures failures: Int, random: Double) -> Double {
        var bound = firstSeconds
        for _ in 1..<max(1, failures) where bound < longestSeconds { bound *= 2 }
        return min(bound, longestSeconds) * random
    }
}
