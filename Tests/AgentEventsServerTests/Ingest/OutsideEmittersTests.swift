import AgentEventsHub
import AgentEventsServer
import Testing

@Suite struct OutsideEmittersTests {
    private let emitters = OutsideEmitters()
    private let start = ContinuousClock.now

    private func mayEmit(after duration: Duration) -> Bool {
        emitters.mayEmit(silentFor: .seconds(60), at: start + duration)
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
        emitters.didRequest(at: start)
        #expect(mayEmit(after: .seconds(59)))
        #expect(!mayEmit(after: .seconds(60)))
        emitters.didRequest(at: start + .seconds(60))
        #expect(mayEmit(after: .seconds(60)))
    }
}
