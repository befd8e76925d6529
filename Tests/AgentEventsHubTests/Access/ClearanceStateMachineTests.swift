import AgentEventsHub
import Testing

/// Whether a subscription may be given events: every state against every input.
struct ClearanceStateMachineTests {
    private static func machine(_ name: String) -> ClearanceStateMachine {
        var machine = ClearanceStateMachine()
        switch name {
        case "unknown":
            break
        case "asking":
            _ = machine.check(at: .zero)
        case "asking again":
            machine.answered(allowsReading: true, until: .seconds(1))
            _ = machine.check(at: .seconds(1))
        case "granted": machine.answered(allowsReading: true, until: .seconds(30))
        case "granted for good": machine.answered(allowsReading: true, until: nil)
        case "denied": machine.answered(allowsReading: false, until: .seconds(30))
        case "denied for good": machine.answered(allowsReading: false, until: nil)
        case "failed":
            _ = machine.check(at: .zero)
            machine.failed()
        case "failed again":
            machine.answered(allowsReading: true, until: .seconds(1))
            _ = machine.check(at: .seconds(1))
            machine.failed()
        default:
            Issue.record("no state is called \(name)")
        }
        return machine
    }

    @Test(
        arguments: [
            // state, in time, after the time, is in doubt then, asks again, is known
            ("unknown", .ask, .ask, false, true, false),
            ("asking", .wait, .wait, false, false, false),
            ("asking again", .wait, .wait, true, false, true),
            ("granted", .give, .ask, true, true, true),
            ("granted for good", .give, .give, false, false, true),
            ("denied", .wait, .ask, false, true, false),
            ("denied for good", .wait, .wait, false, false, false),
            ("failed", .wait, .wait, false, true, false),
            ("failed again", .wait, .wait, true, true, true),
        ] as [(String, ClearanceStateMachine.Verdict, ClearanceStateMachine.Verdict, Bool, Bool, Bool)])
    func eachStateSaysWhatIsToBeDone(
        _ name: String, _ inTime: ClearanceStateMachine.Verdict, _ late: ClearanceStateMachine.Verdict,
        _ isInDoubt: Bool, _ asksAgain: Bool,
        _ isKnown: Bool
    ) {
        var machine = Self.machine(name)
        #expect(machine.isInDoubt(at: .seconds(30)) == isInDoubt)
        let known = machine.isKnown
        #expect(known == isKnown)
        let before = machine
        let first = machine.check(at: .seconds(29))
        #expect(first == inTime)
        if first != .ask {
            #expect(machine == before)
            let second = machine.check(at: .seconds(30))
            #expect(second == late)
        }
        // It is asked once.
        if first == .ask || late == .ask {
            let third = machine.check(at: .seconds(31))
            #expect(third == .wait)
        }
        machine = Self.machine(name)
        let again = machine.askAgain()
        #expect(again == asksAgain)
        let twice = machine.askAgain()
        #expect(!twice)
        let isGood = Self.machine(name).isGrantedForGood
        #expect(isGood == (name == "granted for good"))
    }

    @Test(arguments: [
        "unknown", "asking", "asking again", "granted", "granted for good", "denied", "denied for good", "failed",
        "failed again",
    ])
    func anAnswerCountsWhateverWasBefore(_ name: String) {
        var machine = Self.machine(name)
        machine.answered(allowsReading: true, until: .seconds(60))
        let verdict = machine.check(at: .seconds(59))
        #expect(verdict == .give)
        #expect(machine.isGranted)
        machine = Self.machine(name)
        machine.answered(allowsReading: false, until: .seconds(60))
        let denied = machine.check(at: .seconds(59))
        #expect(denied == .wait)
        #expect(!machine.isGranted && !machine.isKnown)
    }

    @Test(arguments: ["unknown", "granted", "granted for good", "denied", "denied for good", "failed"])
    func aFailureOfAnotherQuestionChangesNothing(_ name: String) {
        var machine = Self.machine(name)
        machine.failed()
        machine.foundNothing()
        #expect(machine == Self.machine(name))
    }

    @Test func aThreadWithoutAnEventIsAskedForWithTheFirstOne() {
        var machine = Self.machine("asking")
        machine.foundNothing()
        #expect(machine == ClearanceStateMachine())
    }
}
