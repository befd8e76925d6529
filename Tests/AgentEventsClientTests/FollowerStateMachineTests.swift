import AgentEvents
import AgentEventsClient
import Testing

@Suite struct FollowerStateMachineTests {
    // MARK: The full table: every phase, every kind of message

    enum Kind: CaseIterable {
        case welcome, subscribed, subscribedElsewhere, event, eventElsewhere, repeated, gap, merged, overlapping
        case live, liveElsewhere, reset, resetElsewhere, refused, drain, emitted, other

        var message: StreamMessage {
            switch self {
            case .welcome: .welcome(heartbeatMilliseconds: 1000)
            case .subscribed: .subscribed(thread: "t_7", after: FollowerStateMachineTests.cursor(4))
            case .subscribedElsewhere: .subscribed(thread: "t_8", after: nil)
            case .event: FollowerStateMachineTests.event(5)
            case .eventElsewhere: FollowerStateMachineTests.event(5, thread: "t_8")
            case .repeated: FollowerStateMachineTests.event(4)
            case .gap: FollowerStateMachineTests.event(6)
            case .merged: FollowerStateMachineTests.event(9, from: 5)
            case .overlapping: FollowerStateMachineTests.event(6, from: 4)
            case .live: .live(thread: "t_7", cursor: FollowerStateMachineTests.cursor(4))
            case .liveElsewhere: .live(thread: "t_8", cursor: nil)
            case .reset: .reset(thread: "t_7", .diverged, oldest: nil)
            case .resetElsewhere: .reset(thread: "t_8", .diverged, oldest: nil)
            case .refused: .refused(request: nil, Refusal(code: "thread.forbidden", message: "no"))
            case .drain: .drain(reconnectMilliseconds: 100)
            case .emitted: .emitted(request: nil, cursors: [])
            case .other: .other("ping")
            }
        }
    }

    /// What is to happen: `-` ignored, `s` subscribe, `e` event, `l` live, `r` reset and leave, `f` refused, `x` leave.
    static let table: [(Kind, greeting: String, subscribing: String, following: String, over: String)] = [
        (.welcome, "s", "x", "x", "-"),
        (.subscribed, "x", "-", "x", "-"),
        (.subscribedElsewhere, "x", "x", "x", "-"),
        (.event, "x", "x", "e", "-"),
        (.eventElsewhere, "x", "x", "x", "-"),
        (.repeated, "x", "x", "-", "-"),
        (.gap, "x", "x", "x", "-"),
        (.merged, "x", "x", "e", "-"),
        (.overlapping, "x", "x", "x", "-"),
        (.live, "x", "x", "l", "-"),
        (.liveElsewhere, "x", "x", "x", "-"),
        (.reset, "x", "r", "r", "-"),
        (.resetElsewhere, "x", "x", "x", "-"),
        (.refused, "f", "f", "f", "-"),
        (.drain, "-", "-", "-", "-"),
        (.emitted, "-", "-", "-", "-"),
        (.other, "-", "-", "-", "-"),
    ]

    @Test func theTableHasEveryKind() {
        #expect(Self.table.map(\.0) == Kind.allCases)
    }

    @Test(arguments: table)
    func everyMessageInEveryPhase(
        kind: Kind, greeting: String, subscribing: String, following: String, over: String
    ) {
        for (phase, expected) in [
            (FollowerStateMachine.Phase.greeting, greeting), (.subscribing, subscribing), (.following, following),
            (.over, over),
        ] {
            var machine = Self.machine(in: phase)
            #expect(machine.phase == phase)
            let before = machine
            let action = Self.letter(machine.receive(kind.message))
            #expect(action == expected, "\(kind) while \(phase)")
            if phase == .over || ["emitted", "other", "repeated"].contains("\(kind)"), expected == "-" {
                #expect(machine == before, "\(kind) while \(phase) changes nothing")
            }
        }
    }

    private static func machine(in phase: FollowerStateMachine.Phase) -> FollowerStateMachine {
        var machine = FollowerStateMachine(thread: "t_7", start: .after(cursor(4)))
        if phase == .over {
            _ = machine.disconnected(AgentEventsClientError(.badURL, "no"), random: 0)
            return machine
        }
        if phase != .greeting { _ = machine.receive(Kind.welcome.message) }
        if phase == .following { _ = machine.receive(Kind.subscribed.message) }
        return machine
    }

    private static func letter(_ action: FollowerStateMachine.ReceiveAction) -> String {
        switch action {
        case .ignore: "-"
        case .subscribe: "s"
        case .deliver(.event): "e"
        case .deliver(.live): "l"
        case .deliver: "?"
        case .disconnect(_, .reset): "r"
        case .disconnect(let error, nil): error.code == .threadForbidden ? "f" : "x"
        case .disconnect: "?"
        }
    }

    static func cursor(_ sequence: UInt64) -> Cursor { Cursor(generation: 3, sequence: sequence) }

    static func event(_ sequence: UInt64, from first: UInt64? = nil, thread: ThreadID = "t_7") -> StreamMessage {
        .event(StreamEvent(cursor: cursor(sequence), firstSequence: first, thread: thread, bytes: []))
    }

    // MARK: Where it resumes

    @Test(arguments: [
        (StartPosition.start, nil, StartPosition.start),
        (.start, cursor(4), .start),
        (.now, cursor(4), .after(cursor(4))),
        // The thread was empty: what came while there was no connection is to be seen.
        (.now, nil, .start),
        (.after(cursor(4)), cursor(4), .after(cursor(4))),
    ] as [(StartPosition, Cursor?, StartPosition)])
    func withoutAnEventItResumesWhereItBegan(start: StartPosition, after: Cursor?, resumed: StartPosition) {
        var machine = FollowerStateMachine(thread: "t_7", start: start)
        _ = machine.receive(.welcome(heartbeatMilliseconds: nil))
        _ = machine.receive(.subscribed(thread: "t_7", after: after))
        _ = machine.disconnected(AgentEventsClientError(.closed, "gone"), random: 0)
        #expect(machine.position == resumed)
        #expect(machine.phase == .greeting)
    }

    @Test func afterAnEventItResumesBehindIt() {
        var machine = Self.machine(in: .following)
        _ = machine.receive(Self.event(5))
        _ = machine.receive(Self.event(8, from: 6))
        #expect(machine.position == .after(Self.cursor(8)))
    }

    @Test func afterAResetItBeginsAtTheStartAndTakesAnyFirstEvent() {
        var machine = Self.machine(in: .following)
        _ = machine.receive(.reset(thread: "t_7", .trimmed, oldest: Self.cursor(100)))
        #expect(machine.position == .start)
        _ = machine.disconnected(AgentEventsClientError(.closed, "reset"), random: 0.5)
        _ = machine.receive(.welcome(heartbeatMilliseconds: nil))
        _ = machine.receive(.subscribed(thread: "t_7", after: nil))
        guard case .deliver(.event) = machine.receive(Self.event(100)) else {
            Issue.record("the oldest event of a trimmed thread is not taken")
            return
        }
        #expect(machine.position == .after(Self.cursor(100)))
    }

    // MARK: When it comes back

    private static let gone = AgentEventsClientError(.closed, "gone", closeCode: 1006)

    private static func pause(_ action: FollowerStateMachine.DisconnectAction) -> Double? {
        guard case .reconnect(let pause) = action else { return nil }
        return pause
    }

    @Test func pausesDoubleUpToABoundAndBeginAgainAfterAnEvent() {
        var machine = FollowerStateMachine(thread: "t_7", start: .start)
        let pauses = (0..<10).map { _ in Self.pause(machine.disconnected(Self.gone, random: 1)) }
        #expect(pauses == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30])
        _ = machine.receive(.welcome(heartbeatMilliseconds: nil))
        _ = machine.receive(.subscribed(thread: "t_7", after: nil))
        _ = machine.receive(Self.event(1))
        #expect(Self.pause(machine.disconnected(Self.gone, random: 1)) == 0.25)
    }

    @Test func jitterIsAnywhereBelowTheBound() {
        var machine = FollowerStateMachine(thread: "t_7", start: .start)
        #expect(Self.pause(machine.disconnected(Self.gone, random: 0)) == 0)
        #expect(Self.pause(machine.disconnected(Self.gone, random: 0.5)) == 0.25)
    }

    @Test func aDrainingServiceSaysHowLongToStayAway() {
        var machine = Self.machine(in: .following)
        _ = machine.receive(.drain(reconnectMilliseconds: 12_000))
        #expect(Self.pause(machine.disconnected(Self.gone, random: 0.5)) == 6)
        #expect(Self.pause(machine.disconnected(Self.gone, random: 0.5)) == 0.25)
    }

    @Test func aRetryableRefusalIsPausedForAsLongAsItSays() {
        var machine = Self.machine(in: .following)
        let refusal = Refusal(code: "limits.rate", message: "slow", isRetryable: true, retryAfterMilliseconds: 1500)
        guard case .disconnect(let error, nil) = machine.receive(.refused(request: nil, refusal)) else {
            Issue.record("stays connected")
            return
        }
        #expect(Self.pause(machine.disconnected(error, random: 0)) == 1.5)
    }

    @Test func theFirstResetIsNotPausedForAndASecondOneIs() {
        var machine = Self.machine(in: .following)
        for expected in [0, 0.5] {
            guard case .disconnect(let error, _) = machine.receive(.reset(thread: "t_7", .diverged, oldest: nil)) else {
                Issue.record("no reset")
                return
            }
            #expect(Self.pause(machine.disconnected(error, random: 1)) == expected)
            _ = machine.receive(.welcome(heartbeatMilliseconds: nil))
        }
    }

    @Test(arguments: [
        (AgentEventsClientError(.unreachable, ""), true),
        (AgentEventsClientError(.silent, ""), true),
        (AgentEventsClientError(.protocolViolation, ""), true),
        (AgentEventsClientError(.badURL, ""), false),
        (AgentEventsClientError(Refusal(code: "thread.forbidden", message: "")), false),
        (AgentEventsClientError(Refusal(code: "cursor.invalid", message: "")), false),
        (AgentEventsClientError(Refusal(code: "log.failed", message: "", isRetryable: true)), true),
    ])
    func whatWillNotChangeEndsIt(error: AgentEventsClientError, isRetried: Bool) {
        var machine = FollowerStateMachine(thread: "t_7", start: .start)
        let pause = Self.pause(machine.disconnected(error, random: 0))
        #expect((pause != nil) == isRetried)
        #expect((machine.phase == .over) == !isRetried)
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
}
