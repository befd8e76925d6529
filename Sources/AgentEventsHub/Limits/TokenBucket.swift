/// Counts uses against a rate: a use takes tokens, which come back evenly, up to the burst.
///
/// Two integers, and no clock of its own. The rate is given with each call, so that a bucket is small.
package struct TokenBucket: Hashable, Sendable {
    /// In parts of a token, of which one comes back in a millisecond for each that a period has: all is whole numbers.
    private var level: Int64
    private var last: Int64

    /// - Parameters:
    ///   - rate: `nil` for a bucket that nothing is taken from.
    ///   - now: milliseconds of a clock that does not go backwards.
    package init(_ rate: RateLimit?, at now: Int64) {
        level = rate?.capacity ?? 0
        last = now
    }

    /// Takes tokens if all of them are there.
    ///
    /// - Returns: the milliseconds until they would be there; `nil` when they were, and are taken. A number of tokens above
    ///   the burst is never there at once: it takes what there can be.
    package mutating func take(_ count: Int = 1, at now: Int64, _ rate: RateLimit) -> Int64? {
        if let wait = wait(count, at: now, rate) { return wait }
        level -= Self.parts(min(count, rate.burst), rate)
        return nil
    }

    /// - Returns: the milliseconds until the tokens are there; `nil` when they are.
    package mutating func wait(_ count: Int = 1, at now: Int64, _ rate: RateLimit) -> Int64? {
        refill(at: now, rate)
        let missing = Self.parts(min(count, rate.burst), rate) - level
        guard missing > 0 else { return nil }
        return rate.count > 0 ? (missing + Int64(rate.count) - 1) / Int64(rate.count) : rate.milliseconds
    }

    /// Takes tokens, also those that are not there.
    ///
    /// - Returns: the milliseconds until none is owed; `nil` when none is.
    package mutating func spend(_ count: Int, at now: Int64, _ rate: RateLimit) -> Int64? {
        refill(at: now, rate)
        let (parts, isOver) = Int64(count).multipliedReportingOverflow(by: rate.milliseconds)
        level = max(level - (isOver ? rate.capacity : parts), -rate.capacity)
        return wait(0, at: now, rate)
    }

    /// Another rate counts from now on. What was used of the old one is used of the new one as well, as far as its burst goes, and what
    /// was owed is owed. After no rate, or none, nothing is used.
    package mutating func change(from old: RateLimit?, to new: RateLimit?, at now: Int64) {
        guard let old, let new else {
            self = TokenBucket(new, at: now)
            return
        }
        refill(at: now, old)
        let owed = Self.tokens(max(0, -level), old)
        let used = min(Self.tokens(old.capacity - max(0, level), old), Int64(new.burst))
        let (parts, isOver) = owed.multipliedReportingOverflow(by: new.milliseconds)
        level = owed > 0 ? -(isOver ? new.capacity : min(parts, new.capacity)) : new.capacity - used * new.milliseconds
    }

    /// Parts of tokens, as whole tokens: one that is not there as a whole is not there.
    private static func tokens(_ parts: Int64, _ rate: RateLimit) -> Int64 {
        let (whole, rest) = parts.quotientAndRemainder(dividingBy: rate.milliseconds)
        return whole + (rest > 0 ? 1 : 0)
    }

    /// Whether all tokens are there.
    package mutating func isFull(at now: Int64, _ rate: RateLimit) -> Bool {
        refill(at: now, rate)
        return level == rate.capacity
    }

    private mutating func refill(at now: Int64, _ rate: RateLimit) {
        guard now > last else { return }
        let (gained, isOver) = (now - last).multipliedReportingOverflow(by: Int64(rate.count))
        last = now
        // What is missing is at most twice the capacity, so the sum cannot be too large where the product is not.
        level = isOver || gained >= rate.capacity - level ? rate.capacity : level + gained
    }

    private static func parts(_ count: Int, _ rate: RateLimit) -> Int64 { Int64(count) * rate.milliseconds }
}

extension RateLimit {
    fileprivate var milliseconds: Int64 { max(1, period.milliseconds) }
    /// The burst in parts of a token.
    fileprivate var capacity: Int64 { Int64(burst) * milliseconds }

    /// The rate, a number of times.
    func times(_ factor: Int) -> RateLimit { RateLimit(count * factor, per: period, burst: burst * factor) }
}
