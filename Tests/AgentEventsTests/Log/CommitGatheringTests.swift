import Testing

@testable import AgentEvents

struct CommitGatheringTests {
    @Test func aSlowCommitOfManyIsWorthAWaitForAsManyAgain() {
        var gathering = CommitGathering()
        #expect(gathering.next == nil)
        gathering.committed(64, in: .microseconds(120))
        #expect(gathering.next == .init(count: 64, nanoseconds: 60_000))
        gathering.committed(64, in: .milliseconds(5))
        #expect(gathering.next == .init(count: 64, nanoseconds: 200_000), "never longer than that")
    }

    @Test(arguments: [(64, Duration.microseconds(20)), (1, .milliseconds(5)), (0, .milliseconds(5))])
    func aFastCommitOrOneOfASingleEventIsNot(_ count: Int, _ duration: Duration) {
        var gathering = CommitGathering()
        gathering.committed(64, in: .milliseconds(1))
        gathering.committed(count, in: duration)
        #expect(gathering.next == nil)
    }

    @Test func waitsInVainBecomeSeldomAndOneThatPaysForgivesThem() {
        var gathering = CommitGathering()
        var leftOut: [Int] = []
        for _ in 0..<9 {
            var count = 0
            gathering.committed(64, in: .milliseconds(1))
            while gathering.next == nil {
                count += 1
                gathering.committed(64, in: .milliseconds(1))
            }
            leftOut.append(count)
            if let wait = gathering.next { gathering.waited(for: 31, wait) }
        }
        #expect(leftOut == [0, 1, 2, 4, 8, 16, 32, 64, 64])
        for _ in 0..<64 { gathering.committed(64, in: .milliseconds(1)) }
        gathering.committed(64, in: .milliseconds(1))
        if let wait = gathering.next { gathering.waited(for: 32, wait) }
        gathering.committed(64, in: .milliseconds(1))
        #expect(gathering.next != nil)
    }
}
