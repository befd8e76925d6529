import Testing

@testable import AgentEventsServer

/// The end of a WebSocket, over its full table of states and inputs.
struct CloseHandshakeStateMachineTests {
    typealias Machine = CloseHandshakeStateMachine

    enum State: String, CaseIterable { case open, closing, closed }

    enum Input: String, CaseIterable { case close, peerClosed, deadline, lost }

    private static func machine(in state: State) -> Machine {
        var machine = Machine()
        switch state {
        case .open: break
        case .closing: _ = machine.close()
        case .closed: machine.lost()
        }
        return machine
    }

    /// - Returns: the action in one word.
    private static func give(_ input: Input, to machine: inout Machine) -> String {
        switch input {
        case .close: return "\(machine.close())"
        case .peerClosed: return "\(machine.peerClosed())"
        case .deadline: return "\(machine.deadlinePassed())"
        case .lost:
            machine.lost()
            return "none"
        }
    }

    /// For each state, what each input brings and where it leads, in the order of ``Input``.
    private static let table: [(State, [(String, State)])] = [
        (.open, [("sendClose", .closing), ("echo", .closing), ("none", .open), ("none", .closed)]),
        (.closing, [("none", .closing), ("finish", .closing), ("abort", .closed), ("none", .closed)]),
        (.closed, Array(repeating: ("none", .closed), count: 4)),
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
        #expect(Self.machine(in: .open).isOpen && !Self.machine(in: .closing).isOpen)
    }
}
