import AgentEvents
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

struct ThreadFlightsTests {
    private typealias Flights = ThreadFlights<String>

    /// The leader works the state out; those who come meanwhile share the next turn, and not this one.
    @Test func whoComesWhileAStateIsWorkedOutWaitsForTheNext() {
        var flights = Flights()
        let first = flights.join("t", waiter: nil)
        #expect(first == .lead)
        for name in ["b", "c", "d"] {
            let action = flights.join("t", waiter: name)
            #expect(action == .wait)
        }
        let landed = flights.land("t")
        #expect(landed.members == [])
        #expect(landed.leader == "b")
        let late = flights.join("t", waiter: "e")
        #expect(late == .wait)
        let second = flights.land("t")
        #expect(second.members == ["c", "d"])
        #expect(second.leader == "e")
        let third = flights.land("t")
        #expect(third.members == [])
        #expect(third.leader == nil)
        #expect(flights.isEmpty)
    }

    @Test func threadsDoNotWaitForEachOther() {
        var flights = Flights()
        _ = flights.join("t_1", waiter: nil)
        let other = flights.join("t_2", waiter: nil)
        #expect(other == .lead)
    }

    @Test func askingWithoutAWaiterChangesNothing() {
        var flights = Flights()
        _ = flights.join("t", waiter: nil)
        let asked = flights.join("t", waiter: nil)
        #expect(asked == .wait)
        let landed = flights.land("t")
        #expect(landed.leader == nil)
    }
}
