import AgentEvents
import Testing

@testable import AgentEventsHub

struct AcknowledgementStateMachineTests {
    typealias Action = AcknowledgementStateMachine.Action

    /// Acknowledged before, sent, and what an acknowledgement of a cursor comes to.
    @Test(arguments: [
        ("", "", "3-1", Action.rejectNotSent), ("", "3-5", "3-5", .accept), ("", "3-5", "3-1", .accept),
        ("", "3-5", "2-4", .accept), ("", "3-5", "3-6", .rejectNotSent), ("", "3-5", "4-5", .rejectNotSent),
        ("", "3-5", "2-5", .rejectNotSent), ("", "3-5", "4-1", .rejectNotSent), ("3-4", "3-5", "3-4", .none),
        ("3-4", "3-5", "3-3", .none), ("3-4", "3-5", "3-5", .accept), ("3-4", "3-5", "3-6", .rejectNotSent),
        ("2-9", "3-12", "3-10", .accept),
    ])
    func onlyForwardAndOnlyWhatWasSent(
        _ acknowledged: String,
        _ sent: String,
        _ cursor: String,
        _ expected: Action
    ) throws {
        var machine = AcknowledgementStateMachine()
        machine.resume(at: Cursor(acknowledged))
        let before = machine
        let cursor = try #require(Cursor(cursor))
        let action = machine.acknowledge(cursor, sent: GivenEvents(after: Cursor(sent)))
        #expect(action == expected)
        if expected == .accept {
            #expect(machine.acknowledged == cursor)
        } else {
            #expect(machine == before)
        }
    }
}
