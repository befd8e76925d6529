/// The time that calls take.
@nonexhaustive
public enum LatencyDistribution: Hashable, Sendable {
    /// No longer than they do.
    case none
    /// So much longer, each.
    case constant(Duration)
    /// Between two durations, each length as likely as any other.
    case uniform(ClosedRange<Duration>)
    /// Mostly short and sometimes long: exponential with this mean, and never longer than the limit.
    case exponential(mean: Duration, limit: Duration)

    /// - Parameter position: where in the distribution, from 0 up to, and without, 1.
    package func latency(at position: Double) -> Duration {
        switch self {
        case .none: .zero
        case .constant(let duration): duration
        case .uniform(let range): range.lowerBound + (range.upperBound - range.lowerBound) * position
        case .exponential(let mean, let limit): min(limit, mean * Self.exponential(position))
        }
    }

    /// The quantile of the exponential distribution of mean 1: -ln(1 - position), without a mathematical library.
    private static func exponential(_ position: Double) -> Double {
        // 1 - position is a power of two times a number of 1/2 to 1.
        let rest = 1 - position
        let significand = rest.significand / 2
        let ratio = (significand - 1) / (significand + 1)
        var sum = 0.0
        var power = ratio
        for step in 0..<20 {
            sum += power / Double(2 * step + 1)
            power *= ratio * ratio
        }
        return -(Double(rest.exponent + 1) * 0.693_147_180_559_945_3 + 2 * sum)
    }
}
