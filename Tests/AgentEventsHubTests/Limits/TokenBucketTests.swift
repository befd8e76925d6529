import AgentEventsHub
import Testing

struct TokenBucketTests {
    @Test func tokensComeBackEvenlyUpToTheBurst() {
        let rate = RateLimit(10, per: .seconds(1), burst: 20)
        var bucket = TokenBucket(rate, at: 1000)
        for _ in 0..<20 { #expect(bucket.take(at: 1000, rate) == nil) }
        #expect(bucket.take(at: 1000, rate) == 100)
        #expect(bucket.take(at: 1099, rate) == 1)
        #expect(bucket.take(at: 1100, rate) == nil)
        #expect(bucket.take(at: 1100, rate) == 100)
        // A long pause gives the burst, and no more.
        for _ in 0..<20 { #expect(bucket.take(at: 1_000_000, rate) == nil) }
        #expect(bucket.take(at: 1_000_000, rate) == 100)
    }

    @Test func tokensOfALongPeriodAreNotLostBetweenTwoLooks() {
        let rate = RateLimit(7, per: .seconds(86_400), burst: 1)
        var bucket = TokenBucket(rate, at: 0)
        #expect(bucket.take(at: 0, rate) == nil)
        let period: Int64 = 86_400_000
        var now: Int64 = 0
        while bucket.take(at: now, rate) != nil { now += 1009 }
        #expect(now >= period / 7 && now < period / 7 + 1009)
    }

    @Test func whatIsOwedIsPaidFirst() {
        let rate = RateLimit(1000, per: .seconds(1), burst: 2000)
        var bucket = TokenBucket(rate, at: 0)
        #expect(bucket.spend(2000, at: 0, rate) == nil)
        #expect(bucket.spend(500, at: 0, rate) == 500)
        #expect(bucket.spend(0, at: 400, rate) == 100)
        #expect(bucket.spend(0, at: 500, rate) == nil)
        // However much it is, it is paid within the time of a burst.
        #expect(bucket.spend(.max, at: 500, rate) == 2000)
    }

    /// Of another rate as much is used, up to its burst: nobody gets it back by a change, and nobody owes for it.
    @Test(arguments: [
        (RateLimit(10, per: .seconds(1), burst: 20), 5), (RateLimit(1, per: .seconds(60), burst: 15), 0),
        (RateLimit(1, per: .seconds(86_400), burst: 3), 0), (RateLimit(1000, per: .milliseconds(1), burst: 5000), 4985),
        (RateLimit(10, per: .seconds(60), burst: 30), 15),
    ])
    func whatWasUsedOfARateIsUsedOfTheNextOne(_ next: RateLimit, _ left: Int) {
        let rate = RateLimit(10, per: .seconds(60), burst: 30)
        var bucket = TokenBucket(rate, at: 0)
        for _ in 0..<20 { #expect(bucket.take(at: 0, rate) == nil) }
        // Five have come back by then.
        bucket.change(from: rate, to: next, at: 30_000)
        var count = 0
        while bucket.take(at: 30_000, next) == nil { count += 1 }
        #expect(count == left)
    }

    @Test func whatIsOwedIsOwedOfTheNextRate() {
        let (rate, next) = (
            RateLimit(1000, per: .seconds(1), burst: 2000), RateLimit(100, per: .seconds(1), burst: 500)
        )
        var bucket = TokenBucket(rate, at: 0)
        #expect(bucket.spend(2300, at: 0, rate) == 300)
        bucket.change(from: rate, to: next, at: 0)
        #expect(bucket.spend(0, at: 0, next) == 3000)
        // Not more than a burst: it is paid within the time of one.
        bucket.change(from: next, to: RateLimit(1, per: .seconds(1), burst: 10), at: 0)
        #expect(bucket.spend(0, at: 0, RateLimit(1, per: .seconds(1), burst: 10)) == 10_000)
    }

    @Test(arguments: [0, 1, 3, 1_000_000, Int(Int32.max)])
    func noNumbersTrap(_ count: Int) {
        let rate = RateLimit(count, per: .seconds(86_400), burst: count)
        var bucket = TokenBucket(rate, at: .min / 2)
        _ = bucket.take(count, at: 0, rate)
        _ = bucket.take(at: .max, rate)
        _ = bucket.spend(.max, at: .max, rate)
        #expect(bucket.isFull(at: .max, rate) == (count == 0))
        let other = RateLimit(Int(Int32.max), per: .seconds(86_400), burst: Int(Int32.max))
        bucket.change(from: rate, to: other, at: .max)
        bucket.change(from: other, to: rate, at: .max)
    }

    /// No stretch of time has more than the burst and what comes back in it.
    @Test(arguments: 0..<20)
    func noStretchOfTimeHasMore(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        let rate = RateLimit(Int(random.next() % 50) + 1, per: .milliseconds(500), burst: Int(random.next() % 40) + 1)
        var bucket = TokenBucket(rate, at: 0)
        var taken: [Int64] = []
        var now: Int64 = 0
        for _ in 0..<2000 {
            now += Int64(random.next() % 20)
            if bucket.take(at: now, rate) == nil { taken.append(now) }
        }
        for (index, start) in taken.enumerated() {
            for (count, end) in taken[index...].enumerated() {
                let allowed = Double(rate.burst) + Double(end - start) * Double(rate.count) / 500
                #expect(Double(count + 1) <= allowed + 1e-9)
            }
        }
    }

    private struct SplitMix {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
