import AgentEventsHub
import Testing

struct AgentSlotsStateMachineTests {
    @Test func onlySoManyRunsGetASlot() {
        var slots = AgentSlotsStateMachine(maximumRuns: 2)
        #expect(slots.reserve() == .accept)
        #expect(slots.reserve() == .accept)
        #expect(slots.reserve() == .rejectBusy)
        #expect(slots.start() == .none)
        #expect(slots.reserve() == .rejectBusy)
        slots.didEnd()
        #expect(slots.reserve() == .accept)
        #expect(slots.giveBack() == .none)
        #expect(slots.reserve() == .accept)
    }

    @Test func aReservedRunStillStartsAfterTheEnd() {
        var slots = AgentSlotsStateMachine(maximumRuns: 3)
        #expect(slots.reserve() == .accept)
        #expect(slots.reserve() == .accept)
        #expect(slots.close() == .none)
        #expect(slots.reserve() == .rejectClosed)
        #expect(slots.start() == .none)
        #expect(slots.giveBack() == .finish)
    }

    @Test func withoutReservedRunsItEndsAtOnce() {
        var slots = AgentSlotsStateMachine(maximumRuns: 1)
        #expect(slots.reserve() == .accept)
        #expect(slots.start() == .none)
        #expect(slots.close() == .finish)
        #expect(slots.close() == .none)
    }
}
