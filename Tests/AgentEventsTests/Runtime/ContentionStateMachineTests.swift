import Testing

@testable import AgentEvents

/// The turns of a thread that others append to; waiters are numbers here.
struct ContentionStateMachineTests {
    typealias Machine = ContentionStateMachine<Int>

    @Test func anEmissionThatIsTakenIsAnswered() {
        var machine = Machine()
        let hasTurn = machine.begin()
        #expect(hasTurn)
        let offered = machine.decided(.offered)
        #expect(offered == .waitForCommit)
        let settled = machine.settled(isTaken: true)
        #expect(settled == .answer)
        let next = machine.end()
        #expect(next == nil)
        let again = machine.begin()
        #expect(again)
    }

    @Test func anEmissionThatSomebodyWasFasterThanIsDecidedAgain() {
        var machine = Machine()
        _ = machine.begin()
        for _ in 1...3 {
            let offered = machine.decided(.offered)
            #expect(offered == .waitForCommit)
            let settled = machine.settled(isTaken: false)
            #expect(settled == .catchUp)
            machine.caughtUp()
        }
        // The thread is known by now: what its order refuses is refused.
        let refused = machine.decided(.nothing)
        #expect(refused == .answer)
    }

    /// What is decided, whether the thread was read in this turn, and what follows.
    @Test(
        arguments: [
            (ContentionDecision.offered, false, ContentionAction.waitForCommit),
            (.offered, true, .waitForCommit),
            (.nothing, false, .catchUp),
            (.nothing, true, .answer),
            (.final, false, .answer),
            (.final, true, .answer),
        ] as [(ContentionDecision, Bool, ContentionAction)]
    )
    func decisionsAreMadeOnWhatTheLogHas(_ decision: ContentionDecision, _ isCurrent: Bool, _ action: ContentionAction)
    {
        var machine = Machine()
        _ = machine.begin()
        if isCurrent {
            _ = machine.decided(.nothing)
            machine.caughtUp()
        }
        let answered = machine.decided(decision)
        #expect(answered == action)
    }

    /// An own event that was taken says as well that nobody else has appended.
    @Test func aThreadIsKnownAfterItsOwnCommit() {
        var machine = Machine()
        _ = machine.begin()
        _ = machine.decided(.offered)
        _ = machine.settled(isTaken: true)
        let refused = machine.decided(.nothing)
        #expect(refused == .answer)
    }

    /// A turn that could not catch up leaves what was refused; nothing is decided before a later one can.
    @Test func whatWasRefusedIsForgottenBeforeTheNextDecision() {
        var machine = Machine()
        _ = machine.begin()
        let inTime = machine.mustCatchUp()
        #expect(!inTime)
        _ = machine.decided(.offered)
        _ = machine.settled(isTaken: false)
        _ = machine.begin()
        machine.wait(1)
        machine.wait(2)
        // The log cannot be read.
        for number in 1...2 {
            let next = machine.end()
            #expect(next == number)
            let isBehind = machine.mustCatchUp()
            #expect(isBehind)
        }
        machine.caughtUp()
        let refused = machine.decided(.nothing)
        #expect(refused == .answer)
        _ = machine.end()
        _ = machine.begin()
        let again = machine.mustCatchUp()
        #expect(!again)
    }

    @Test func emissionsTakeTurnsInTheirOrder() {
        var machine = Machine()
        _ = machine.begin()
        for number in 1...3 {
            let hasTurn = machine.begin()
            #expect(!hasTurn)
            machine.wait(number)
        }
        #expect(machine.waiterCount == 3)
        _ = machine.decided(.final)
        for number in 1...3 {
            let next = machine.end()
            #expect(next == number)
            // The knowledge of the turn before is old: others may have appended since.
            let stale = machine.decided(.nothing)
            #expect(stale == .catchUp)
            let hasTurn = machine.begin()
            #expect(!hasTurn)
        }
        let none = machine.end()
        #expect(none == nil)
    }
}
