import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

@Suite struct OutsideEmittersTests {
    private let clock: ManualClock
    private let emitters: OutsideEmitters

    init() {
        clock = ManualClock()
        emitters = OutsideEmitters(in: .manual(clock))
    }

    private func mayEmit(after duration: Duration) -> Bool {
        clock.advance(to: ManualClock.Instant(offset: duration))
        return emitters.mayEmit(silentFor: .seconds(60))
    }

    @Test func nobodyIsThereWhoHasNotEmitted() {
        #expect(!mayEmit(after: .zero))
    }

    @Test func aConnectionCountsForAsLongAsItIsOpen() {
        emitters.didBeginEmitting()
        emitters.didBeginEmitting()
        emitters.didEndEmitting()
        #expect(mayEmit(after: .seconds(3600)))
        emitters.didEndEmitting()
        #expect(!mayEmit(after: .zero))
    }

    @Test func aRequestCountsForAWhile() {
        emitters.didRequest()
        #expect(mayEmit(after: .seconds(59)))
        #expect(!mayEmit(after: .seconds(60)))
        emitters.didRequest()
        #expect(mayEmit(after: .seconds(60)))
    }
}
