import Testing

@testable import AgentEvents

struct CommitPaceTests {
    @Test(arguments: [
        // pending, waited in microseconds, expected
        (0, 0, false), (1, 0, true), (63, 0, true), (64, 0, false), (65, 0, false), (1, 49, true), (1, 50, false),
    ])
    func aCommitWaitsForAsManyAsTheLastHadButNotForLong(pending: Int, waited: Int, expected: Bool) {
        let pace = CommitPace(count: 64, duration: .microseconds(100))
        #expect(pace.isWorthWaiting(pending: pending, waited: .microseconds(waited)) == expected)
    }

    @Test func aSlowDiskIsNotWaitedForLongerThanAQuarterOfAMillisecond() {
        let pace = CommitPace(count: 64, duration: .seconds(1))
        #expect(pace.isWorthWaiting(pending: 1, waited: .microseconds(249)))
        #expect(!pace.isWorthWaiting(pending: 1, waited: .microseconds(250)))
    }

    @Test func oneProducerAtATimeIsNeverWaitedFor() {
        #expect(!CommitPace(count: 1, duration: .seconds(1)).isWorthWaiting(pending: 1, waited: .zero))
    }
}
