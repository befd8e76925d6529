/// The further tries of a model's answer that did not come, or broke off.
///
/// Tried again is what is worth it (``ModelError/isRetryable``, and that of other coded errors): a connection that breaks, a
/// provider that is overloaded. An answer of which nothing was said yet is asked for again without a trace; one that has begun
/// is marked as interrupted first. A call of an answer that broke off was not carried out.
public struct ModelRetryPolicy: Hashable, Sendable {
    /// The most tries, the first one included; at least 1. Default: 4.
    public var tries = 4
    /// The longest wait before the second try; it doubles with each further one. Default: half a second.
    public var baseDelay: Duration = .milliseconds(500)
    /// The longest wait that is chosen here. Default: 20 seconds.
    public var maximumDelay: Duration = .seconds(20)
    /// The longest wait that a provider may ask for; when it asks for more, the answer fails. Default: a minute.
    public var maximumRetryAfter: Duration = .seconds(60)

    public init() {}

    /// The wait before the next try: a random part of the longest wait, so that many that fail together do not come back
    /// together. A provider's own wish is kept, and a random part is added to it.
    ///
    /// - Parameters:
    ///   - failures: the number of tries that have failed.
    ///   - retryAfter: the time that the provider asks to wait.
    ///   - fraction: random, from 0 up to 1.
    /// - Returns: `nil` for no further try.
    func delay(after failures: Int, retryAfter: Duration?, fraction: Double) -> Duration? {
        guard failures < tries else { return nil }
        if let retryAfter {
            return retryAfter <= maximumRetryAfter ? max(.zero, retryAfter) + baseDelay * fraction : nil
        }
        var longest = baseDelay
        for _ in 1..<max(1, failures) where longest < maximumDelay { longest = longest * 2 }
        return min(longest, maximumDelay) * fraction
    }
}
