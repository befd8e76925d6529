import AgentEvents
import AgentEventsHub
import Testing

/// The agents that still work although their runs have ended.
struct StuckBodiesStateMachineTests {
    private typealias Machine = StuckBodiesStateMachine

    private enum State: CaseIterable {
        case absent
        case counted
        case named
    }

    private enum Input: CaseIterable {
        case ended
        case returned
        case early
        case late
    }

    private struct Outcome: Equatable {
        var count: Int
        var named: [RunID] = []
        var rest: Duration?
        var wasCounted: Bool?
    }

    private static func expected(_ state: State, _ input: Input) -> Outcome {
        switch (state, input) {
        // It counts anew when its run ends again, which runs do not.
        case (_, .ended): Outcome(count: 1)
        case (.absent, .returned): Outcome(count: 0, wasCounted: false)
        case (.counted, .returned), (.named, .returned): Outcome(count: 0, wasCounted: true)
        case (.absent, .early), (.absent, .late): Outcome(count: 0)
        case (.counted, .early): Outcome(count: 1, rest: .seconds(20))
        case (.counted, .late): Outcome(count: 1, named: ["r_1"])
        case (.named, .early), (.named, .late): Outcome(count: 1)
        }
    }

    @Test func eachStateWithEachInput() {
        for state in State.allCases {
            for input in Input.allCases {
                var machine = Machine(patience: .seconds(30))
                switch state {
                case .absent: break
                case .counted: machine.ended("r_1", at: .zero)
                case .named:
                    machine.ended("r_1", at: .seconds(-30))
                    _ = machine.time(.zero)
                }
                var outcome = Outcome(count: 0)
                switch input {
                case .ended: machine.ended("r_1", at: .zero)
                case .returned: outcome.wasCounted = machine.returned("r_1")
                case .early: (outcome.named, outcome.rest) = machine.time(.seconds(10))
                case .late: (outcome.named, outcome.rest) = machine.time(.seconds(30))
                }
                outcome.count = machine.count
                #expect(outcome == Self.expected(state, input), "\(state), \(input)")
            }
        }
    }

    @Test func theNextOneIsLookedAtInItsTime() {
        var machine = Machine(patience: .seconds(30))
        machine.ended("r_2", at: .seconds(5))
        machine.ended("r_1", at: .seconds(7))
        let first = machine.time(.seconds(36))
        #expect(first.named == ["r_2"])
        #expect(first.rest == .seconds(1))
        let second = machine.time(.seconds(37))
        #expect(second.named == ["r_1"])
        #expect(second.rest == nil)
        #expect(machine.count == 2)
    }
}
