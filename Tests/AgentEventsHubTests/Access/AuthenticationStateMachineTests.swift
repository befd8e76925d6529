import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsHub

/// A connection that has yet to show its token, over its full table of states and inputs.
struct AuthenticationStateMachineTests {
    enum State: String, CaseIterable { case waiting, checking, ended }

    enum Input: String, CaseIterable { case auth, otherMessage, other, deadline, accepted, invalid, unavailable, end }

    private static func machine(in state: State) -> AuthenticationStateMachine {
        var machine = AuthenticationStateMachine()
        switch state {
        case .waiting: break
        case .checking: _ = machine.receive(.success(AuthenticationRequest(tag: RequestTag("a"), token: "t")))
        case .ended: _ = machine.end()
        }
        return machine
    }

    private static func word(_ refusal: AuthenticationStateMachine.Refusal?) -> String {
        guard let refusal else { return "none" }
        let tag = refusal.error.tag == nil ? "" : " tagged"
        return "\(refusal.closeCode) \(refusal.error.code)\(tag)"
    }

    /// - Returns: the action in a few words.
    private static func give(_ input: Input, to machine: inout AuthenticationStateMachine) -> String {
        switch input {
        case .auth, .otherMessage:
            let message: Result<AuthenticationRequest, ProtocolError> =
                input == .auth
                ? .success(AuthenticationRequest(tag: RequestTag("a"), token: "t"))
                : .failure(ProtocolError(.authenticationMissing, "no"))
            switch machine.receive(message) {
            case .none: return "none"
            case .check(let token): return "check \(token)"
            case .refuse(let refusal): return word(refusal)
            }
        case .other: return word(machine.receiveOther())
        case .deadline: return word(machine.deadlinePassed())
        case .accepted, .invalid, .unavailable:
            let error: AuthenticationError? =
                input == .accepted ? nil : AuthenticationError(input == .invalid ? .invalid : .unavailable, "no")
            switch machine.checked(error.map { ProtocolError($0) }) {
            case .none: return "none"
            case .admit: return "admit"
            case .refuse(let refusal): return word(refusal)
            }
        case .end: return "\(machine.end())"
        }
    }

    /// For each state, what each input brings and where it leads, in the order of ``Input``.
    private static let table: [(State, [(String, State)])] = [
        (
            .waiting,
            [
                ("check t", .checking), ("4401 auth.missing", .ended), ("4401 auth.missing", .ended),
                ("4401 auth.missing", .ended), ("none", .waiting), ("none", .waiting), ("none", .waiting),
                ("true", .ended),
            ]
        ),
        (
            .checking,
            [
                ("4401 auth.missing", .ended), ("4401 auth.missing", .ended), ("4401 auth.missing", .ended),
                ("1011 auth.unavailable tagged", .ended), ("admit", .ended), ("4401 auth.invalid tagged", .ended),
                ("1011 auth.unavailable tagged", .ended), ("true", .ended),
            ]
        ),
        (
            .ended,
            [
                ("none", .ended), ("none", .ended), ("none", .ended), ("none", .ended), ("none", .ended),
                ("none", .ended),
                ("none", .ended), ("false", .ended),
            ]
        ),
    ]

    @Test func everyInputInEveryState() {
        #expect(Self.table.map(\.0) == State.allCases)
        for (state, row) in Self.table {
            #expect(row.count == Input.allCases.count)
            for (input, expected) in zip(Input.allCases, row) {
                var machine = Self.machine(in: state)
                let action = Self.give(input, to: &machine)
                #expect(action == expected.0, "\(state) \(input)")
                let after = Self.machine(in: expected.1)
                #expect(machine == after, "\(state) \(input)")
            }
        }
    }
}
