import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct GenerationSourceTests {
    private static let lowBits: UInt64 = 0xF_FFFF
    private static let second: UInt64 = 0x10_0000
    private static let now = 1_795_000_000 * second

    /// The last generation, the time in seconds, and the random bits; and what they come to.
    @Test(
        arguments: [
            (0, 1_795_000_000, 7, now + 7), (3, 1_795_000_000, 0, now),
            // The clock stands still, and goes backwards: from the last one on.
            (now + 500, 1_795_000_000, 40, now + 541), (now, 1, 0, now + 1), (9, -5, 2, 12), (0, 0, 0, 1),
            // Only the low bits of the random number count.
            (0, 1, .max, second + lowBits), (0, 1, second, second),
        ] as [(UInt64, Int64, UInt64, UInt64)])
    func itIsTheTimeOrMoreThanTheLastOne(_ last: UInt64, _ seconds: Int64, _ random: UInt64, _ expected: UInt64) {
        let time = Timestamp(milliseconds: seconds * 1000 + 999)
        let generation = GenerationSource.generation(
            after: last, at: seconds < 0 ? Timestamp(milliseconds: seconds * 1000) : time, random: random)
        #expect(generation == expected)
        #expect(generation > last)
    }

    /// JavaScript holds numbers below 2^53 exactly, for two centuries, whatever a clock says.
    @Test(arguments: [1_795_000_000, 8_000_000_000, 8_589_934_591, 9_000_000_000, .max / 1000] as [Int64])
    func aDoubleHoldsIt(seconds: Int64) {
        let generation = GenerationSource.generation(
            after: 0, at: Timestamp(milliseconds: seconds * 1000), random: .max)
        #expect(generation < 1 << 53)
    }

    /// Each of two histories that begin with the same last generation, in the same second, has its own.
    @Test func noTwoHistoriesShareOne() {
        var random = SeededGenerator(seed: 1)
        let time = Timestamp(milliseconds: 1_795_000_000_000)
        let generations = (0..<100).map { _ in
            GenerationSource.generation(after: Self.now, at: time, random: random.next())
        }
        #expect(Set(generations).count == generations.count)
    }

    @Test func itRisesWithEachOpening() async throws {
        let source = GenerationSource(clock: WallClock { Timestamp(milliseconds: 5000) }, random: { 3 })
        let log = InMemoryEventLog(generations: source)
        var last: UInt64 = 0
        for expected in [3, 7, 11].map({ 5 * Self.second + $0 }) {
            let generation = try await log.open().generation
            #expect(generation == expected && generation > last)
            last = generation
            log.close()
        }
        #expect(GenerationSource.counting.next(after: 0) == 1)
        #expect(GenerationSource.counting.next(after: 1) == 2)
    }

    @Test func theSystemsIsTheTimeOfNow() {
        let seconds = UInt64(WallClock.system.now().milliseconds / 1000)
        let generation = GenerationSource.system.next(after: 41)
        #expect(generation >> 20 >= seconds)
        #expect(generation >> 20 < seconds + 3600)
    }
}
