import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import Testing

@Suite struct ReconnectStateMachineTests {
    private typealias Machine = ReconnectStateMachine

    /// Every phase, every input: what is to be done, and the phase after it. `trap` for what cannot happen.
    static let table: [(ReconnectStateMachine.Phase, [String: String])] = [
        (
            .idle,
            [
                "connect": "connect > connecting", "welcome": "ignore > idle", "about": "ignore > idle",
                "lost": "trap", "lostForGood": "trap", "close": "false > closed",
            ]
        ),
        (
            .connecting,
            [
                "connect": "trap", "welcome": "proceed > open", "about": "reject > connecting",
                "lost": "pause 0.25 > waiting", "lostForGood": "refuse > refused", "close": "false > closed",
            ]
        ),
        (
            .open,
            [
                "connect": "trap", "welcome": "reject > open", "about": "proceed > open",
                "lost": "pause 0.25 > waiting", "lostForGood": "refuse > refused", "close": "true > closed",
            ]
        ),
        (
            .waiting,
            [
                "connect": "connect > connecting", "welcome": "ignore > waiting", "about": "ignore > waiting",
                "lost": "trap", "lostForGood": "trap", "close": "false > closed",
            ]
        ),
        (
            .refused,
            [
                "connect": "stop > refused", "welcome": "ignore > refused", "about": "ignore > refused",
                "lost": "stop > refused", "lostForGood": "stop > refused", "close": "false > refused",
            ]
        ),
        (
            .closed,
            [
                "connect": "stop > closed", "welcome": "ignore > closed", "about": "ignore > closed",
                "lost": "stop > closed", "lostForGood": "stop > closed", "close": "false > closed",
            ]
        ),
    ]

    @Test func theTableHasEveryPhaseAndInput() {
        #expect(Self.table.map(\.0) == Machine.Phase.allCases)
        for (_, row) in Self.table { #expect(row.count == 6) }
    }

    @Test(arguments: table)
    func everyInputInEveryPhase(phase: ReconnectStateMachine.Phase, row: [String: String]) {
        for (input, expected) in row where expected != "trap" {
            var machine = Self.machine(in: phase)
            #expect(machine.phase == phase)
            let action =
                switch input {
                case "connect": "\(machine.connect())"
                case "welcome": "\(machine.welcome())"
                case "about": "\(machine.validateThreadMessage())"
                case "lost": Self.text(machine.disconnected(isRetryable: true, random: 1))
                case "lostForGood": Self.text(machine.disconnected(isRetryable: false, random: 1))
                default: "\(machine.close())"
                }
            #expect("\(action) > \(machine.phase)" == expected, "\(input) while \(phase)")
        }
    }

    @Test(arguments: ReconnectStateMachine.Phase.allCases)
    func aDrainCountsOnlyWhileThereIsAConnection(phase: ReconnectStateMachine.Phase) {
        var machine = Self.machine(in: phase)
        let before = machine
        machine.drain(for: .seconds(12))
        #expect((machine != before) == (phase == .connecting || phase == .open))
    }

    private static func machine(in phase: Machine.Phase) -> Machine {
        var machine = Machine()
        switch phase {
        case .idle: break
        case .connecting: _ = machine.connect()
        case .open:
            _ = machine.connect()
            _ = machine.welcome()
        case .waiting:
            _ = machine.connect()
            _ = machine.disconnected(isRetryable: true, random: 0)
        case .refused:
            _ = machine.connect()
            _ = machine.disconnected(isRetryable: false, random: 0)
        case .closed: _ = machine.close()
        }
        return machine
    }

    private static func text(_ action: Machine.DisconnectAction) -> String {
        switch action {
        case .pause(let time): "pause \(time / .seconds(1))"
        case .refuse: "refuse"
        case .stop: "stop"
        }
    }

    // MARK: Pauses

    private static func pause(_ machine: inout Machine, minimumPause: Duration = .zero, random: Double) -> Duration? {
        _ = machine.connect()
        guard
            case .pause(let time) = machine.disconnected(
                isRetryable: true, minimumPause: minimumPause, random: random)
        else { return nil }
        return time
    }

    @Test func pausesDoubleUpToABoundAndBeginAgainAfterProgress() {
        var machine = Machine()
        let pauses = (0..<10).map { _ in Self.pause(&machine, random: 1) }
        #expect(pauses == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30].map { .seconds($0) })
        machine.progressed()
        let pause = Self.pause(&machine, random: 1)
        #expect(pause == .milliseconds(250))
    }

    @Test func aGreetingAloneIsNoProgress() {
        var machine = Machine()
        _ = Self.pause(&machine, random: 1)
        _ = machine.connect()
        _ = machine.welcome()
        #expect(machine.disconnected(isRetryable: true, random: 1) == .pause(.milliseconds(500)))
    }

    @Test func jitterIsAnywhereBelowTheBound() {
        var machine = Machine()
        let pauses = [0, 0.5, 0.25].map { Self.pause(&machine, random: $0) }
        #expect(pauses == [.zero, .milliseconds(250), .milliseconds(250)])
    }

    @Test func aDrainingServiceIsTakenAtItsWordOnce() {
        var machine = Machine()
        _ = machine.connect()
        _ = machine.welcome()
        machine.drain(for: .seconds(12))
        #expect(machine.disconnected(isRetryable: true, random: 0) == .pause(.seconds(12)))
        let pause = Self.pause(&machine, random: 1)
        #expect(pause == .milliseconds(500))
    }

    @Test(arguments: [(1.5, 0.0, 1.5), (0.1, 1.0, 0.25), (-1, 0, 0), (1e15, 0, 3600)])
    func aServiceThatAsksForAPauseGetsAtLeastThat(asked: Double, random: Double, expected: Double) {
        var machine = Machine()
        let pause = Self.pause(&machine, minimumPause: .seconds(asked), random: random)
        #expect(pause == .seconds(expected))
    }

    // MARK: What is worth another attempt

    @Test(arguments: [
        (AgentEventsClientError(.unreachable, ""), true),
        (AgentEventsClientError(.silent, ""), true),
        (AgentEventsClientError(.protocolViolation, ""), true),
        (AgentEventsClientError(.badURL, ""), false),
        (AgentEventsClientError(.protocolViolation, "", closeCode: 1002), false),
        (AgentEventsClientError(ProtocolError(.threadForbidden, "")), false),
        (AgentEventsClientError(ProtocolError(.cursorInvalid, "")), false),
        (AgentEventsClientError(ProtocolError(.log(.failed), "", isRetryable: true)), true),
    ])
    func anError(error: AgentEventsClientError, isRetried: Bool) {
        #expect(error.isRetryable == isRetried)
    }

    @Test(arguments: [
        (400, false), (401, false), (403, false), (404, false), (408, true), (426, false), (429, true), (500, true),
        (503, true),
    ])
    func aDeclinedUpgrade(status: Int, isRetried: Bool) {
        #expect(AgentEventsClientError(.declined, "", status: status).isRetryable == isRetried)
    }

    @Test(arguments: [
        (1000, true), (1001, true), (1005, true), (1006, true), (1011, true), (1012, true), (4408, true), (4429, true),
        (1002, false), (1003, false), (1007, false), (1009, false), (4400, false), (4401, false), (4403, false),
    ])
    func aCloseCode(code: Int, isRetried: Bool) {
        #expect(AgentEventsClientError(.closed, "", closeCode: code).isRetryable == isRetried)
    }

    /// The service did not take the token: another one is shown, once, until something was delivered.
    @Test func withANewTokenItIsTriedOnceMore() {
        var machine = Machine()
        for delivers in [true, true, false] {
            _ = machine.connect()
            _ = machine.welcome()
            if delivers { machine.progressed() }
            let action = machine.disconnected(isRetryable: false, isRetryableOnce: true, random: 0.5)
            if delivers {
                if case .pause = action { continue }
                Issue.record("\(action)")
            } else {
                #expect(action == .refuse)
                #expect(machine.phase == .refused)
            }
        }
        var patient = Machine()
        for _ in 0..<3 {
            _ = patient.connect()
            let action = patient.disconnected(isRetryable: true, isRetryableOnce: true, random: 0.5)
            if case .pause = action { continue }
            Issue.record("\(action)")
        }
    }
}
