import AgentEvents
import AgentEventsClient
import AgentEventsProtocol
import Testing

@Suite struct FollowerStateMachineTests {
    private typealias Machine = FollowerStateMachine

    // MARK: The full table: every phase, every input

    static let phases = ["idle", "subscribing", "behind", "live", "paused", "waiting", "over"]

    /// What is to be done in each of the phases, and the phase after it where it is another one. `-`: nothing.
    static let table: [(String, [String])] = [
        ("subscribe", ["ask > subscribing", "-", "-", "-", "-", "-", "-"]),
        ("subscribed", ["reject", "- > behind", "reject", "reject", "reject", "reject", "reject"]),
        ("event", ["reject", "reject", "event", "event", "reject", "reject", "reject"]),
        ("repeated", ["reject", "reject", "-", "-", "reject", "reject", "reject"]),
        ("repeated range", ["reject", "reject", "-", "-", "reject", "reject", "reject"]),
        ("merged", ["reject", "reject", "event", "event", "reject", "reject", "reject"]),
        ("gap", ["reject", "reject", "reject", "reject", "reject", "reject", "reject"]),
        ("partly seen", ["reject", "reject", "reject", "reject", "reject", "reject", "reject"]),
        ("live", ["reject", "reject", "live > live", "live", "reject", "reject", "reject"]),
        ("reset", ["reject", "restart > idle", "restart > idle", "restart > idle", "reject", "reject", "reject"]),
        ("refused", ["-", "fail > over", "fail > over", "fail > over", "-", "-", "-"]),
        ("busy", ["-", "wait > waiting", "wait > waiting", "wait > waiting", "-", "-", "-"]),
        ("passed", ["-", "-", "-", "-", "-", "- > waiting", "-"]),
        ("passed all", ["-", "-", "-", "-", "-", "ask > idle", "-"]),
        ("filled", ["-", "-", "leave > paused", "leave > paused", "-", "-", "-"]),
        ("drained", ["-", "-", "-", "-", "ask > idle", "-", "-"]),
        ("disconnected", ["-", "- > idle", "- > idle", "- > idle", "-", "- > idle", "-"]),
        ("end", ["- > over", "leave > over", "leave > over", "leave > over", "- > over", "- > over", "-"]),
    ]

    @Test(arguments: table)
    func everyInputInEveryPhase(input: String, row: [String]) {
        #expect(row.count == Self.phases.count)
        for (name, expected) in zip(Self.phases, row) {
            var machine = Self.machine(in: name)
            #expect(Self.text(machine.phase) == name)
            let before = machine
            let action = Self.apply(input, to: &machine)
            let hasMoved = machine.phase != before.phase
            let outcome = hasMoved ? "\(action) > \(Self.text(machine.phase))" : action
            #expect(outcome == expected, "\(input) while \(name)")
            if expected == "-" || expected == "reject" { #expect(machine == before, "\(input) while \(name)") }
            #expect(machine.isOnTheWire == ["subscribing", "behind", "live"].contains(Self.text(machine.phase)))
            #expect(machine.isSettled == ["live", "over"].contains(Self.text(machine.phase)))
        }
    }

    private static func apply(_ input: String, to machine: inout Machine) -> String {
        switch input {
        case "subscribe": machine.subscribe() ? "ask" : "-"
        case "subscribed": text(machine.subscribed(after: cursor(4)))
        case "event": text(machine.received(event(5)))
        case "repeated": text(machine.received(event(4)))
        case "repeated range": text(machine.received(event(4, from: 2)))
        case "merged": text(machine.received(event(9, from: 5)))
        case "gap": text(machine.received(event(6)))
        case "partly seen": text(machine.received(event(6, from: 4)))
        case "live": text(machine.live(cursor(4)))
        case "reset": text(machine.reset(.diverged, random: 1))
        case "refused": text(machine.refused(ProtocolError(.threadForbidden, ""), random: 1))
        case "busy": text(machine.refused(ProtocolError(.log(.failed), "", isRetryable: true), random: 1))
        case "passed": machine.advance(by: .milliseconds(100)) ? "ask" : "-"
        case "passed all": machine.advance(by: .milliseconds(250)) ? "ask" : "-"
        case "filled": machine.filled() ? "leave" : "-"
        case "drained": machine.drained() ? "ask" : "-"
        case "disconnected": nothing(machine.disconnected())
        default: machine.end() ? "leave" : "-"
        }
    }

    private static func machine(in phase: String) -> Machine {
        var machine = Machine(thread: "t_7", start: .after(cursor(4)))
        if phase == "idle" { return machine }
        if phase == "over" {
            _ = machine.end()
            return machine
        }
        _ = machine.subscribe()
        if phase == "subscribing" { return machine }
        _ = machine.subscribed(after: cursor(4))
        switch phase {
        case "live": _ = machine.live(cursor(4))
        case "paused": _ = machine.filled()
        case "waiting":
            _ = machine.refused(ProtocolError(.log(.failed), "", isRetryable: true), random: 1)
        default: break
        }
        return machine
    }

    private static func text(_ phase: Machine.Phase) -> String {
        switch phase {
        case .idle: "idle"
        case .subscribing: "subscribing"
        case .following(let isLive): isLive ? "live" : "behind"
        case .paused: "paused"
        case .waiting: "waiting"
        case .over: "over"
        }
    }

    private static func nothing(_: Void) -> String { "-" }

    private static func text(_ action: Machine.RefuseAction) -> String {
        switch action {
        case .ignore: "-"
        case .wait: "wait"
        case .fail: "fail"
        }
    }

    private static func text(_ action: Machine.ReceiveAction) -> String {
        switch action {
        case .ignore: "-"
        case .deliver(.event): "event"
        case .deliver(.live): "live"
        case .deliver: "?"
        case .restart: "restart"
        case .reject(let error): error.code == .protocolViolation ? "reject" : "?"
        }
    }

    private static func cursor(_ sequence: UInt64) -> Cursor { Cursor(generation: 3, sequence: sequence) }

    private static func event(_ sequence: UInt64, from first: UInt64? = nil) -> StreamEvent {
        StreamEvent(cursor: cursor(sequence), firstSequence: first, threadID: "t_7", bytes: [])
    }

    // MARK: Where it resumes

    @Test(
        arguments: [
            (.start, nil, .start),
            (.start, cursor(4), .start),
            (.now, cursor(4), .after(cursor(4))),
            // The thread was empty: what came while there was no connection is to be seen.
            (.now, nil, .start),
            (.after(cursor(4)), cursor(4), .after(cursor(4))),
            // Behind what was acknowledged, wherever that is.
            (nil, cursor(4), .after(cursor(4))),
            (nil, nil, .start),
        ] as [(StartPosition?, Cursor?, StartPosition)])
    func withoutAnEventItResumesWhereItBegan(start: StartPosition?, after: Cursor?, resumed: StartPosition) {
        var machine = Machine(thread: "t_7", start: start)
        _ = machine.subscribe()
        _ = machine.subscribed(after: after)
        machine.disconnected()
        #expect(machine.position == resumed)
    }

    @Test func withoutAnAnswerItAsksForTheSameAgain() {
        for start in [nil, .start, .now, .after(Self.cursor(4))] as [StartPosition?] {
            var machine = Machine(thread: "t_7", start: start)
            _ = machine.subscribe()
            machine.disconnected()
            #expect(machine.position == start)
        }
    }

    @Test func afterAnEventItResumesBehindIt() {
        var machine = Self.machine(in: "behind")
        _ = machine.received(Self.event(5))
        _ = machine.received(Self.event(8, from: 6))
        #expect(machine.position == .after(Self.cursor(8)))
    }

    @Test func whatIsRejectedDoesNotMoveTheCursor() {
        var machine = Self.machine(in: "behind")
        _ = machine.received(Self.event(5))
        _ = machine.received(Self.event(7))
        _ = machine.received(Self.event(6, from: 5))
        #expect(machine.position == .after(Self.cursor(5)))
    }

    @Test func afterAResetItBeginsAtTheStartAndTakesAnyFirstEvent() {
        var machine = Self.machine(in: "behind")
        _ = machine.reset(.trimmed, random: 1)
        #expect(machine.position == .start)
        _ = machine.subscribe()
        _ = machine.subscribed(after: nil)
        #expect(Self.text(machine.received(Self.event(100))) == "event")
        #expect(machine.position == .after(Self.cursor(100)))
    }

    // MARK: When it asks again

    @Test func theFirstResetIsNotPausedForAndLaterOnesAre() {
        var machine = Self.machine(in: "behind")
        for expected in [.idle, .waiting(.milliseconds(250)), .waiting(.milliseconds(500))] as [Machine.Phase] {
            _ = machine.reset(.diverged, random: 1)
            #expect(machine.phase == expected)
            _ = machine.advance(by: .seconds(10))
            _ = machine.subscribe()
            _ = machine.subscribed(after: nil)
        }
    }

    @Test func aRefusalThatMayPassIsPausedForAsLongAsItSays() {
        for (milliseconds, random, expected) in [(1500, 1.0, 1.5), (100, 1, 0.25), (nil, 0.5, 0.125)]
            as [(Int64?, Double, Double)]
        {
            var machine = Self.machine(in: "behind")
            let refusal = ProtocolError(
                .agentsBusy, "", isRetryable: true, retryAfterMilliseconds: milliseconds)
            #expect(machine.refused(refusal, random: random) == .wait)
            #expect(machine.phase == .waiting(.seconds(expected)))
        }
    }
}
