/// How often, and how patiently, a sink that throws is given the same batch again.
public struct SinkRetryPolicy: Sendable {
    /// How often a batch is given in all before the sink counts as failed; at least 1. Default: 10.
    public var maximumAttempts = 10
    /// The pause after the first failure, in seconds; it doubles with each further one. Default: 0.05.
    public var firstPauseSeconds: Double = 0.05
    /// The longest pause, in seconds. Default: 5.
    public var longestPauseSeconds: Double = 5

    public init() {}

    /// The pause after so many failures of one batch, in seconds.
    func pauseSeconds(afterFailures failures: Int) -> Double {
        var pause = firstPauseSeconds
        for _ in 1..<max(1, failures) where pause < longestPauseSeconds { pause *= 2 }
        return min(pause, longestPauseSeconds)
    }
}
