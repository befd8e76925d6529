import AgentEventsHub
import Testing

/// The end of credentials: every state against every input.
struct ExpiryStateMachineTests {
    /// A life from 0 to its end, as far as a name says.
    private static func machine(_ name: String) -> ExpiryStateMachine {
        switch name {
        case "unlimited": return ExpiryStateMachine(end: nil, at: 0)
        case "short": return ExpiryStateMachine(end: 60_000, at: 0)
        case "long": return ExpiryStateMachine(end: 60_001, at: 0)
        default:
            var machine = ExpiryStateMachine(end: 60_001, at: 0)
            _ = machine.check(at: 40_000)
            if name == "over" { _ = machine.check(at: 60_001) }
            return machine
        }
    }

    @Test(
        arguments: [
            // state, next look, and what is done at 30.000, 30.001, 59.999, 60.000 and 60.001 s
            ("unlimited", nil, [.none, .none, .none, .none, .none]),
            ("short", 60_000, [.none, .none, .none, .expire, .expire]),
            (
                "long", 30_001,
                [
                    .none, .warn(milliseconds: 30_000), .warn(milliseconds: 2), .warn(milliseconds: 1), .expire,
                ]
            ),
            ("warned", 60_001, [.none, .none, .none, .none, .expire]),
            ("over", nil, [.none, .none, .none, .none, .none]),
        ] as [(String, Int64?, [ExpiryStateMachine.Action])])
    func eachStateSaysWhatIsToBeDone(_ name: String, _ next: Int64?, _ actions: [ExpiryStateMachine.Action]) {
        let nextCheck = Self.machine(name).nextCheck
        #expect(nextCheck == next)
        for (time, action) in zip([30_000, 30_001, 59_999, 60_000, 60_001] as [Int64], actions) {
            var machine = Self.machine(name)
            let first = machine.check(at: time)
            #expect(first == action, "\(time)")
            // Once.
            let second = machine.check(at: time)
            #expect(second == .none, "\(time)")
        }
    }

    @Test(arguments: ["unlimited", "short", "long", "warned", "over"])
    func aRefreshBeginsAnotherLifeButNotAfterTheEnd(_ name: String) {
        var machine = Self.machine(name)
        machine.refreshed(end: 200_000, at: 50_000)
        let isOver = name == "over"
        let warning = machine.check(at: 170_000)
        #expect(warning == (isOver ? .none : .warn(milliseconds: 30_000)))
        let end = machine.check(at: 200_000)
        #expect(end == (isOver ? .none : .expire))
        machine = Self.machine(name)
        machine.refreshed(end: nil, at: 50_000)
        let never = machine.check(at: .max)
        #expect(never == .none)
    }
}
