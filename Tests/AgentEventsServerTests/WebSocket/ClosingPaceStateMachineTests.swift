import Testing

@testable import AgentEventsServer

/// How a connection that closes is read from, over its full table of states and inputs.
struct ClosingPaceStateMachineTests {
    typealias Machine = ClosingPaceStateMachine

    @Test func aFewReadsComeAtOnceAndThenOneAfterEachPause() {
        var machine = Machine()
        for _ in 0..<Machine.readsAtOnce {
            let action = machine.reads()
            #expect(action == .read)
        }
        for _ in 0..<3 {
            let first = machine.reads()
            #expect(first == .rest)
            #expect(machine.isResting)
            let second = machine.reads()
            #expect(second == .wait)
            // The read that waited is made, and the next one has to wait.
            let isRead = machine.rested()
            #expect(isRead)
            #expect(!machine.isResting)
        }
    }

    @Test func aPauseThatDidNotBeginEndsNothing() {
        var machine = Machine()
        let before = machine
        let isRead = machine.rested()
        #expect(!isRead)
        #expect(machine == before)
    }
}
