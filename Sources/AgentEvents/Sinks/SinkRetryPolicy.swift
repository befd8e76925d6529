/// The policy by which a sink that throws is given the same batch again.
///
/// The pauses are random, between nothing and a bound that doubles with each failure, so that many sinks that failed
/// together do not come back together. An error that knows better says so: ``SinkRefusal``.
///
/// A batch that counts as refused for good makes a plain sink fail. A ``DurableSink`` first finds out whether the event
/// is to blame: see there.
public struct SinkRetryPolicy: Sendable {
    /// The number of times that a batch is given in all before it may count as refused for good; at least 1. Default:
    /// 10.
    public var maximumAttempts = 10
    /// The time for which a batch is refused before it may count as refused for good. Default: none.
    public var minimumRefusalTime: Duration = .zero
    /// The bound of the pause after the first failure; it doubles with each further one. Default: 50 milliseconds.
    public var firstPause: Duration = .milliseconds(50)
    /// The largest bound of a pause. Default: 5 seconds.
    public var longestPause: Duration = .seconds(5)
    /// The part of its bound that a pause takes, from 0 to 1; asked for each pause. `nil`: evenly random. Default:
    /// `nil`.
    public var jitter: (@Sendable () -> Double)?

    public init() {}

    /// Survives any outage, with pauses of up to an hour. An event counts as refused for good when it was given 20
    /// times and was refused for a day.
    public static var patient: SinkRetryPolicy {
        var policy = SinkRetryPolicy()
        policy.maximumAttempts = 20
        policy.minimumRefusalTime = .seconds(86_400)
        policy.longestPause = .seconds(3600)
        return policy
    }

    /// The bound of the pause after this many failures of one batch.
    func pauseBound(afterFailures failures: Int) -> Duration {
        var pause = firstPause
        for _ in 1..<max(1, failures) where pause < longestPause { pause *= 2 }
        return min(pause, longestPause)
    }
}
