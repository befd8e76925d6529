/// Exponential backoff with full jitter: the bound of the pause doubles with each failure in a row, and the pause is
/// anywhere below it, so that many clients do not come back at once.
public struct ReconnectBackoff: Hashable, Sendable {
    /// The bound after the first failure. Default: 250 milliseconds.
    public var firstPause: Duration = .milliseconds(250)
    /// The largest bound. Default: 30 seconds.
    public var longestPause: Duration = .seconds(30)

    public init() {}

    /// - Parameters:
    ///   - failures: the number of attempts that failed in a row; at least 1.
    ///   - random: 0 up to, not including, 1.
    package func pause(afterFailures failures: Int, random: Double) -> Duration {
        var bound = firstPause
        for _ in 1..<max(1, failures) where bound < longestPause { bound *= 2 }
        return min(bound, longestPause) * random
    }
}
