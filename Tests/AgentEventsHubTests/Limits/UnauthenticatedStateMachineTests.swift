import AgentEventsHub
import Testing

struct UnauthenticatedStateMachineTests {
    private static let address = AddressKey.v4(1)

    @Test func theOldestMakesRoom() {
        var machine = UnauthenticatedStateMachine(maximumCount: 3, maximumCountPerAddress: nil)
        let ids = (0..<3).map { _ in machine.begin(nil) }
        #expect(ids.allSatisfy { $0.displaced == nil })
        #expect(machine.begin(nil).displaced == ids[0].id)
        machine.end(ids[1].id)
        #expect(machine.begin(nil).displaced == nil)
        #expect(machine.begin(nil).displaced == ids[2].id)
        #expect(machine.count == 3)
    }

    @Test func anAddressDisplacesItsOwn() {
        var machine = UnauthenticatedStateMachine(maximumCount: 10, maximumCountPerAddress: 2)
        let other = machine.begin(.v4(2))
        let first = machine.begin(Self.address)
        let second = machine.begin(Self.address)
        #expect(machine.begin(Self.address).displaced == first.id)
        #expect(machine.begin(Self.address).displaced == second.id)
        // Those that have shown credentials are none of them any longer.
        machine.end(other.id)
        #expect(machine.begin(.v4(2)).displaced == nil)
        #expect(machine.count == 3)
    }

    @Test func nothingIsKeptOfThoseThatHaveEnded() {
        var machine = UnauthenticatedStateMachine(maximumCount: 1000, maximumCountPerAddress: 16)
        let first = machine.begin(Self.address)
        for number in 0..<100_000 as Range<UInt32> {
            let begun = machine.begin(.v4(number + 2))
            #expect(begun.displaced == nil)
            machine.end(begun.id)
            machine.end(begun.id)
        }
        #expect(machine.count == 1)
        machine.end(first.id)
        #expect(machine.count == 0)
    }
}
