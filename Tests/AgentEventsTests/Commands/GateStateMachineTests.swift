import AgentEvents
import AgentEventsTesting
import Testing

/// Those who wait at the gate of a thread; waiters are numbers here.
struct GateStateMachineTests {
    private typealias Machine = GateStateMachine<RunID, Int>

    private enum Input: CaseIterable {
        case wait
        case cancel
        case releaseOwn
        case releaseOther
    }

    private enum State: CaseIterable {
        case arrived
        case waiting
        case gone
    }

    /// Each state with each input: whether the one at the gate waits, who continues, and how many are left.
    private static func expected(_ state: State, _ input: Input) -> (waits: Bool?, continues: [Int], count: Int) {
        switch (state, input) {
        case (.arrived, .wait): (true, [], 1)
        case (.arrived, .cancel), (.arrived, .releaseOwn): (nil, [], 0)
        case (.arrived, .releaseOther): (nil, [], 1)
        // One that waits does not wait again.
        case (.waiting, .wait): (nil, [], 1)
        case (.waiting, .cancel), (.waiting, .releaseOwn): (nil, [7], 0)
        case (.waiting, .releaseOther): (nil, [], 1)
        case (.gone, .wait): (false, [], 0)
        case (.gone, .cancel), (.gone, .releaseOwn), (.gone, .releaseOther): (nil, [], 0)
        }
    }

    @Test func eachStateWithEachInput() {
        for state in State.allCases {
            for input in Input.allCases where !(state == .waiting && input == .wait) {
                var machine = Machine()
                let place = machine.arrive(at: "r_1")
                switch state {
                case .arrived: break
                case .waiting: _ = machine.wait(place, 7)
                case .gone: _ = machine.release(["r_1"])
                }
                var waits: Bool?
                var continues: [Int] = []
                switch input {
                case .wait: waits = machine.wait(place, 7)
                case .cancel: continues = machine.cancel(place).map { [$0] } ?? []
                case .releaseOwn: continues = machine.release(["r_1", "r_2"])
                case .releaseOther: continues = machine.release(["r_2"])
                }
                let expected = Self.expected(state, input)
                let count = machine.count
                #expect(waits == expected.waits, "\(state), \(input)")
                #expect(continues == expected.continues, "\(state), \(input)")
                #expect(count == expected.count, "\(state), \(input)")
            }
        }
    }

    @Test func theyContinueInTheOrderOfTheirArrival() {
        var machine = Machine()
        let places = (0..<4).map { machine.arrive(at: $0 == 2 ? "r_2" : "r_1") }
        for (waiter, place) in places.enumerated().reversed() { _ = machine.wait(place, waiter) }
        let runs = machine.subjects
        #expect(runs == ["r_1", "r_2"])
        let released = machine.release(["r_1"])
        #expect(released == [0, 1, 3])
        let rest = machine.release(["r_2"])
        #expect(rest == [2])
    }
}
