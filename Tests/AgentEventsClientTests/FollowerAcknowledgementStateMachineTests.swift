import AgentEvents
import AgentEventsClient
import Testing

@Suite struct FollowerAcknowledgementStateMachineTests {
    private static func cursor(_ sequence: UInt64, _ generation: UInt64 = 3) -> Cursor {
        Cursor(generation: generation, sequence: sequence)
    }

    @Test func onlyWhatWasGivenCanBeAcknowledged() {
        var machine = FollowerAcknowledgementStateMachine()
        #expect(machine.acknowledge(Self.cursor(1)) == .reject)
        machine.didDeliver(Self.cursor(5))
        let before = machine
        #expect(machine.acknowledge(Self.cursor(6)) == .reject)
        #expect(machine.acknowledge(Self.cursor(5, 4)) == .reject)
        #expect(machine == before)
        #expect(machine.acknowledge(Self.cursor(5)) == .wait)
    }

    /// An event of another history may have the number of one that was given.
    @Test func anEventOfAnotherHistoryWasNotGiven() {
        var machine = FollowerAcknowledgementStateMachine()
        machine.didDeliver(Self.cursor(5))
        machine.didDeliver(Self.cursor(6))
        machine.didDeliver(Self.cursor(8, 7), from: 7)
        let before = machine
        for (sequence, generation) in [(5, 2), (6, 4), (7, 3), (7, 6), (8, 3), (8, 8), (4, 4)] as [(UInt64, UInt64)] {
            #expect(machine.acknowledge(Self.cursor(sequence, generation)) == .reject, "\(generation)-\(sequence)")
        }
        #expect(machine == before)
        // It may have been given that before, in an earlier process.
        #expect(machine.acknowledge(Self.cursor(4)) == .wait)
        #expect(machine.acknowledge(Self.cursor(6)) == .wait)
        #expect(machine.acknowledge(Self.cursor(7, 7)) == .wait)
    }

    @Test func theLastOneCountsAndItNeverGoesBack() {
        var machine = FollowerAcknowledgementStateMachine()
        machine.didDeliver(Self.cursor(9))
        #expect(machine.acknowledge(Self.cursor(3)) == .wait)
        #expect(machine.acknowledge(Self.cursor(7)) == .wait)
        #expect(machine.acknowledge(Self.cursor(4)) == .ignore)
        #expect(machine.takeDue() == nil)
        machine.becomeDue()
        #expect(machine.takeDue() == Self.cursor(7))
        #expect(machine.takeDue() == nil)
        #expect(machine.acknowledge(Self.cursor(7)) == .ignore)
        #expect(!machine.isPending)
        machine.becomeDue()
        #expect(machine.takeDue() == nil)
    }

    @Test func aFullBatchIsDueAtOnce() {
        var machine = FollowerAcknowledgementStateMachine()
        machine.didDeliver(Self.cursor(250))
        #expect(machine.acknowledge(Self.cursor(99)) == .wait)
        #expect(machine.acknowledge(Self.cursor(100)) == .tell)
        #expect(machine.takeDue() == Self.cursor(100))
        #expect(machine.acknowledge(Self.cursor(199)) == .wait)
        #expect(machine.takeDue() == nil)
        #expect(machine.acknowledge(Self.cursor(200)) == .tell)
    }

    @Test func whatTheServiceCouldNotTakeIsToldAgain() {
        var machine = FollowerAcknowledgementStateMachine()
        machine.didDeliver(Self.cursor(9))
        _ = machine.acknowledge(Self.cursor(5))
        machine.becomeDue()
        _ = machine.takeDue()
        machine.refused()
        machine.becomeDue()
        #expect(machine.takeDue() == Self.cursor(5))
        _ = machine.acknowledge(Self.cursor(8))
        machine.refused()
        machine.becomeDue()
        #expect(machine.takeDue() == Self.cursor(8))
    }

    @Test func aVoidHistoryIsNotAcknowledged() {
        var machine = FollowerAcknowledgementStateMachine()
        machine.didDeliver(Self.cursor(9))
        _ = machine.acknowledge(Self.cursor(5))
        machine.reset()
        machine.becomeDue()
        #expect(machine.takeDue() == nil)
        // The reader does not know yet.
        machine.didDeliver(Self.cursor(10))
        #expect(machine.acknowledge(Self.cursor(10)) == .ignore)
        machine.didDeliverReset()
        #expect(machine.acknowledge(Self.cursor(10)) == .reject)
        machine.didDeliver(Self.cursor(1, 4))
        #expect(machine.acknowledge(Self.cursor(1, 4)) == .wait)
    }
}
