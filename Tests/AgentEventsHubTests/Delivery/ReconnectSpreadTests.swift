import Testing

@testable import AgentEventsHub

struct ReconnectSpreadTests {
    private static func waits(_ count: Int, loops: Int = 1, maximum: Int64 = 30_000, fraction: Double = 0) -> [Int64] {
        let spread = ReconnectSpread(maximumMilliseconds: maximum, loopCount: loops)
        return (0..<count).map { spread.milliseconds($0, of: count, fraction: fraction) }
    }

    @Test func manyClientsAreSpreadOverTheWholeTime() {
        let waits = Self.waits(10_000)
        #expect(waits.first == 0)
        #expect(waits.last == 29_997)
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $1 - $0 == 3 })
    }

    @Test func fewClientsComeBackSoon() {
        #expect(Self.waits(1, fraction: 0.99) == [9])
        #expect(Self.waits(4) == [0, 10, 20, 30])
        #expect(Self.waits(4, loops: 2) == [0, 20, 40, 60])
    }

    @Test(arguments: [0, 1, 2, 100, 5000], [0, 1, 30_000])
    func nobodyWaitsLongerThanTheLongest(_ count: Int, _ maximum: Int64) {
        for fraction in [0, 0.5, 0.999_999_999] {
            #expect(
                Self.waits(count, loops: 64, maximum: maximum, fraction: fraction).allSatisfy {
                    (0...maximum).contains($0)
                })
        }
    }
}
