import AgentEventsInterop
import Testing

struct NamespaceProgressTests {
    /// Another namespace writes all the time, and the client takes a part of it.
    @Test func aNamespaceThatIsQuietHasNothingPendingOnceItsBytesAreTaken() {
        var progress = NamespaceProgress()
        progress.wrote(10, upTo: 10)
        #expect(progress.pendingByteCount(taken: 9) == 10)
        #expect(progress.pendingByteCount(taken: 10) == 0)
        #expect(progress.pendingByteCount(taken: 10_000) == 0)
    }

    @Test func aNamespaceThatWritesOnIsSeenToProgressThoughSomethingAlwaysWaits() {
        var progress = NamespaceProgress()
        var pending: [Int] = []
        for turn in 1...6 as ClosedRange<UInt64> {
            // 1 byte of its own after 99 of another; the client takes all but the last 150.
            progress.wrote(1, upTo: turn * 100)
            pending.append(progress.pendingByteCount(taken: turn * 100 > 150 ? turn * 100 - 150 : 0))
        }
        #expect(pending == [1, 2, 2, 3, 2, 3])
    }

    @Test func nothingIsTakenByWhoTakesNothing() {
        var progress = NamespaceProgress()
        for turn in 1...5 as ClosedRange<UInt64> { progress.wrote(7, upTo: turn * 7) }
        #expect(progress.pendingByteCount(taken: 6) == 35)
        #expect(progress.pendingByteCount(taken: 6) == 35)
    }
}
