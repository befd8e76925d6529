import Testing

@testable import AgentEventsHub

/// The life of a connection, over its full table of states and inputs.
struct ConnectionStateMachineTests {
    typealias Machine = ConnectionStateMachine

    enum State: String, CaseIterable { case opening, open, draining, leaving, closed }

    enum Input: String, CaseIterable {
        case welcomed, drain, leaveIdle, leaveBusy, becameIdle, close, lost
    }

    private static func machine(in state: State) -> Machine {
        var machine = Machine()
        if state != .opening { machine.welcomed() }
        switch state {
        case .opening, .open: break
        case .draining: _ = machine.drain()
        case .leaving: _ = machine.leave(isIdle: false)
        case .closed: machine.lost()
        }
        return machine
    }

    /// - Returns: the action in one word.
    private static func give(_ input: Input, to machine: inout Machine) -> String {
        switch input {
        case .welcomed:
            machine.welcomed()
            return "none"
        case .drain: return "\(machine.drain())"
        case .leaveIdle: return "\(machine.leave(isIdle: true))"
        case .leaveBusy: return "\(machine.leave(isIdle: false))"
        case .becameIdle: return "\(machine.becameIdle())"
        case .close: return "\(machine.close())"
        case .lost:
            machine.lost()
            return "none"
        }
    }

    /// For each state, what each input brings and where it leads, in the order of ``Input``.
    private static let table: [(State, [(String, State)])] = [
        (
            .opening,
            [
                ("none", .open), ("announce", .draining), ("close", .closed), ("none", .leaving), ("none", .opening),
                ("close", .closed), ("none", .closed),
            ]
        ),
        (
            .open,
            [
                ("none", .open), ("announce", .draining), ("close", .closed), ("none", .leaving), ("none", .open),
                ("close", .closed), ("none", .closed),
            ]
        ),
        (
            .draining,
            [
                ("none", .draining), ("none", .draining), ("close", .closed), ("none", .leaving), ("none", .draining),
                ("close", .closed), ("none", .closed),
            ]
        ),
        (
            .leaving,
            [
                ("none", .leaving), ("none", .leaving), ("close", .closed), ("none", .leaving), ("close", .closed),
                ("close", .closed), ("none", .closed),
            ]
        ),
        (.closed, Array(repeating: ("none", .closed), count: 7)),
    ]

    @Test func everyInputInEveryState() {
        #expect(Self.table.map(\.0) == State.allCases)
        for (state, row) in Self.table {
            #expect(row.count == Input.allCases.count)
            for (input, (action, next)) in zip(Input.allCases, row) {
                var machine = Self.machine(in: state)
                let given = Self.give(input, to: &machine)
                #expect(given == action, "\(input) in \(state)")
                #expect(machine == Self.machine(in: next), "\(input) in \(state)")
            }
        }
    }

    @Test(arguments: [
        (State.opening, true, true), (.open, true, true), (.draining, true, false), (.leaving, true, false),
        (.closed, false, false),
    ])
    func whatMayBeWrittenAndTaken(state: State, mayWrite: Bool, takesSubscriptions: Bool) {
        let machine = Self.machine(in: state)
        #expect(machine.mayWrite == mayWrite)
        #expect(machine.takesSubscriptions == takesSubscriptions)
    }
}
