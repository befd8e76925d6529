import Testing

@testable import AgentEventsInterop

@Suite
struct KeepAliveStateMachineTests {
    @Test
    func aStreamShowsThatItIsAliveWhenNothingWasWrittenForAWhile() {
        var machine = KeepAliveStateMachine(at: 1000)
        #expect(!machine.isDue(at: 1000))
        #expect(!machine.isDue(at: 15_999))
        #expect(machine.isDue(at: 16_000))
        // It is due until something is written.
        #expect(machine.isDue(at: 16_001))
        machine.wrote(at: 16_001)
        #expect(!machine.isDue(at: 31_000))
        #expect(machine.isDue(at: 31_001))
    }
}
