import AgentEvents
import Testing

@testable import AgentEventsHub

struct CoalescingStateMachineTests {
    private typealias Machine = CoalescingStateMachine<String>

    /// Those who ask while a value is computed share the next computation, and not this one.
    @Test func whoAsksWhileAValueIsComputedWaitsForTheNext() {
        var machine = Machine()
        let first = machine.join("t", waiter: nil)
        #expect(first == .compute)
        for name in ["b", "c", "d"] {
            let action = machine.join("t", waiter: name)
            #expect(action == .wait)
        }
        let completion = machine.complete("t")
        #expect(completion.waiters == [])
        #expect(completion.next == "b")
        let late = machine.join("t", waiter: "e")
        #expect(late == .wait)
        let second = machine.complete("t")
        #expect(second.waiters == ["c", "d"])
        #expect(second.next == "e")
        let third = machine.complete("t")
        #expect(third.waiters == [])
        #expect(third.next == nil)
        #expect(machine.isEmpty)
    }

    @Test func threadsDoNotWaitForEachOther() {
        var machine = Machine()
        _ = machine.join("t_1", waiter: nil)
        let other = machine.join("t_2", waiter: nil)
        #expect(other == .compute)
    }

    @Test func askingWithoutAWaiterChangesNothing() {
        var machine = Machine()
        _ = machine.join("t", waiter: nil)
        let asked = machine.join("t", waiter: nil)
        #expect(asked == .wait)
        let completion = machine.complete("t")
        #expect(completion.next == nil)
    }
}
