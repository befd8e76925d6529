import AgentEvents
import AgentEventsClient
import Testing

/// When a token is replaced: every state against every input.
@Suite struct TokenStateMachineTests {
    private static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

    /// - Parameter life: of the token, from 0, in seconds.
    private static func machine(life: Int64, random: Double = 0.5) -> TokenStateMachine {
        var machine = TokenStateMachine()
        machine.began(expiresAt: time(life * 1000), at: time(0), random: random)
        return machine
    }

    @Test(
        arguments: [
            // life, chance, when it is due, all in seconds: 80 % of it, give or take a tenth
            (3600, 0.5, 2880), (3600, 0, 2592), (3600, 1, 3168),
            // at least 30 seconds before the end
            (100, 0.5, 70), (100, 0, 70), (100, 1, 70), (1000, 1, 880),
            // of a short life not before its half
            (60, 0.5, 30), (50, 0.5, 25), (2, 0.5, 1), (0, 0.5, 0),
        ] as [(Int64, Double, Int64)])
    func aTokenIsReplacedInTime(life: Int64, random: Double, due: Int64) {
        var machine = Self.machine(life: life, random: random)
        if due > 0 {
            let early = machine.check(at: Self.time(due * 1000 - 1))
            #expect(early == .wait(milliseconds: 1))
        }
        let action = machine.check(at: Self.time(due * 1000))
        #expect(action == .replace)
        let again = machine.check(at: Self.time(due * 1000))
        #expect(again == .rest)
    }

    /// The machine may have slept meanwhile.
    @Test func theClockIsLookedAtAfterEachWait() {
        var machine = Self.machine(life: 3600)
        let first = machine.check(at: Self.time(0))
        #expect(first == .wait(milliseconds: 10_000))
        let awake = machine.check(at: Self.time(3_500_000))
        #expect(awake == .replace)
    }

    @Test(arguments: ["unlimited", "counting", "replacing"])
    func whatComesNextDependsOnWhatIsUnderWay(state: String) {
        func machine() -> TokenStateMachine {
            var machine = state == "unlimited" ? TokenStateMachine() : Self.machine(life: 3600)
            if state == "replacing" { _ = machine.check(at: Self.time(3_000_000)) }
            return machine
        }
        // The service warns.
        var warned = machine()
        warned.warned(at: Self.time(3_000_000))
        let afterWarning = warned.check(at: Self.time(3_000_000))
        #expect(afterWarning == (state == "replacing" ? .rest : .replace))
        // There was no token.
        var failed = machine()
        failed.failed(at: Self.time(3_000_000))
        let soon = failed.check(at: Self.time(3_000_000))
        let expected: TokenStateMachine.Action =
            switch state {
            case "unlimited": .rest
            case "counting": .replace
            default: .wait(milliseconds: 5000)
            }
        #expect(soon == expected)
        // There is a new one.
        var replaced = machine()
        replaced.began(expiresAt: Self.time(6_600_000), at: Self.time(3_000_000), random: 0.5)
        let later = replaced.check(at: Self.time(3_000_000 + 2_880_000))
        #expect(later == .replace)
        replaced = machine()
        replaced.began(expiresAt: nil, at: Self.time(3_000_000), random: 0.5)
        let never = replaced.check(at: Self.time(100_000_000))
        #expect(never == .rest)
    }
}
