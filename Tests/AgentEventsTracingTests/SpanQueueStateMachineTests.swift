import AgentEvents
import Testing

@testable import AgentEventsTracing

/// The times at which spans are sent, sent again and dropped.
struct SpanQueueStateMachineTests {
    private static var settings: SpanQueueStateMachine.Settings {
        var settings = SpanQueueStateMachine.Settings()
        settings.batchCount = 3
        settings.maximumCount = 7
        settings.firstPause = .seconds(1)
        settings.longestPause = .seconds(6)
        return settings
    }

    private static func spans(_ numbers: ClosedRange<Int>) -> [TraceSpan] {
        numbers.map {
            TraceSpan(traceID: "t", spanID: "\($0)", name: "n", start: Script.time(0), end: Script.time(0))
        }
    }

    private func ids(_ spans: [TraceSpan]?) -> [Int]? { spans?.compactMap { Int($0.spanID) } }

    @Test func aBatchIsSentWhenThereIsOneAndLessWhenItSettles() {
        var queue = SpanQueueStateMachine(Self.settings)
        #expect(queue.next(at: .zero, isSettling: true) == nil)
        queue.add(Self.spans(1...2))
        #expect(queue.next(at: .zero, isSettling: false) == nil)
        queue.add(Self.spans(3...5))
        #expect(ids(queue.next(at: .zero, isSettling: false)) == [1, 2, 3])
        queue.add(Self.spans(6...6))
        queue.didSend(.taken(rejectedCount: 0), at: .zero, jitter: 1)
        #expect(ids(queue.next(at: .zero, isSettling: false)) == [4, 5, 6])
        queue.didSend(.taken(rejectedCount: 0), at: .zero, jitter: 1)
        #expect(queue.waitingCount == 0)
        queue.add(Self.spans(7...7))
        #expect(ids(queue.next(at: .zero, isSettling: true)) == [7])
        queue.didSend(.refused("no"), at: .zero, jitter: 1)
        #expect(queue.waitingCount == 0)
        #expect(queue.droppedCount == 0)
    }

    @Test func whatIsNotTakenIsSentAgainAfterAPauseThatGrows() {
        var queue = SpanQueueStateMachine(Self.settings)
        queue.add(Self.spans(1...4))
        var now = Duration.zero
        for pause in [1, 2, 4, 6, 6] {
            #expect(ids(queue.next(at: now, isSettling: false)) == [1, 2, 3])
            queue.didSend(.unavailable("no", retryAfter: nil), at: now, jitter: 1)
            #expect(queue.next(at: now + .seconds(pause) - .milliseconds(1), isSettling: true) == nil)
            now += .seconds(pause)
        }
        #expect(queue.failures == 5)
        #expect(ids(queue.next(at: now, isSettling: true)) == [1, 2, 3])
        queue.didSend(.taken(rejectedCount: 3), at: now, jitter: 0)
        #expect(queue.failures == 0)
        // From the beginning again, and only a part of it.
        #expect(ids(queue.next(at: now, isSettling: true)) == [4])
        queue.didSend(.unavailable("no", retryAfter: nil), at: now, jitter: 0.5)
        #expect(queue.next(at: now + .milliseconds(499), isSettling: true) == nil)
        #expect(ids(queue.next(at: now + .milliseconds(500), isSettling: true)) == [4])
    }

    @Test(arguments: [(3, 3), (0, 0), (100, 6), (-5, 0)])
    func aReceiverMayAskForAPause(_ asked: Int, _ seconds: Int) {
        var queue = SpanQueueStateMachine(Self.settings)
        queue.add(Self.spans(1...1))
        _ = queue.next(at: .seconds(10), isSettling: true)
        queue.didSend(.unavailable("no", retryAfter: .seconds(asked)), at: .seconds(10), jitter: 0)
        #expect(queue.next(at: .seconds(10 + seconds) - .milliseconds(1), isSettling: true) == nil)
        #expect(ids(queue.next(at: .seconds(10 + seconds), isSettling: true)) == [1])
    }

    @Test func nothingIsGivenOutWhileARequestIsUnderWay() {
        var queue = SpanQueueStateMachine(Self.settings)
        queue.add(Self.spans(1...6))
        #expect(ids(queue.next(at: .zero, isSettling: false)) == [1, 2, 3])
        #expect(queue.next(at: .zero, isSettling: false) == nil)
        #expect(queue.next(at: .seconds(60), isSettling: true) == nil)
        queue.didSend(.taken(rejectedCount: 0), at: .zero, jitter: 1)
        #expect(ids(queue.next(at: .zero, isSettling: false)) == [4, 5, 6])
    }

    @Test func whatIsRemovedIsNotSentAndTheOthersAre() {
        var queue = SpanQueueStateMachine(Self.settings)
        queue.add(Self.spans(1...6))
        queue.remove { ["1", "5"].contains($0.spanID) }
        #expect(queue.waitingCount == 4)
        #expect(ids(queue.next(at: .zero, isSettling: false)) == [2, 3, 4])
        // One that is being sent, and not another time.
        queue.remove { $0.spanID == "3" }
        queue.didSend(.unavailable("no", retryAfter: nil), at: .zero, jitter: 0)
        #expect(ids(queue.next(at: .zero, isSettling: true)) == [2, 4, 6])
        queue.add(Self.spans(7...7))
        queue.remove { $0.spanID == "2" }
        queue.didSend(.taken(rejectedCount: 0), at: .zero, jitter: 0)
        #expect(ids(queue.next(at: .zero, isSettling: true)) == [7])
        #expect(queue.droppedCount == 0)
    }

    @Test func whatDoesNotFitIsDroppedAndCounted() {
        var queue = SpanQueueStateMachine(Self.settings)
        queue.add(Self.spans(1...9))
        #expect(queue.waitingCount == 7)
        #expect(queue.droppedCount == 2)
        #expect(ids(queue.next(at: .zero, isSettling: false)) == [1, 2, 3])
        // Those that are being sent take room.
        queue.add(Self.spans(10...10))
        #expect(queue.droppedCount == 3)
        queue.didSend(.taken(rejectedCount: 0), at: .zero, jitter: 1)
        queue.add(Self.spans(11...14))
        #expect(queue.droppedCount == 4)
        var sent: [Int] = []
        while let batch = queue.next(at: .zero, isSettling: true) {
            sent += ids(batch) ?? []
            queue.didSend(.taken(rejectedCount: 0), at: .zero, jitter: 1)
        }
        #expect(sent == [4, 5, 6, 7, 11, 12, 13])
    }
}
