import Testing

@testable import AgentEvents

/// The times in which a run needs no slot, and its clocks stand still.
struct RunRestsTests {
    /// People pause a run whose child asks something, and resume it: it waits for the answer as before.
    @Test func aTreeThatIsResumedWaitsForTheQuestionOfItsChildAgain() {
        var machine = ThreadStateMachine(policy: .standard)
        _ = machine.receive(OrderInput("r_1", agent: "guide", .start()))
        _ = machine.receive(OrderInput("r_2", agent: "helper", .start(parent: "r_1")))
        #expect(!machine.rests.isResting("r_1"))
        let inputs: [(run: RunID, payload: EventPayload)] = [
            ("r_2", .ask("a_1")), ("r_2", .pause), ("r_1", .pause), ("r_1", .resume), ("r_2", .resume),
        ]
        for (index, input) in inputs.enumerated() {
            _ = machine.receive(input.run, input.payload, at: 1000 * Int64(index + 1))
            // Between the halves of the pause, and of the resume, which are one batch each, nothing is decided.
            if index != 1, index != 3 { #expect(machine.rests.isResting("r_1"), "after \(input)") }
        }
        _ = machine.receive("r_2", .answer("a_1"), at: 9000)
        #expect(!machine.rests.isResting("r_1"))
        // From 1 s to 2 s, from 3 s to 4 s, and from 5 s to 9 s.
        #expect(machine.rests.milliseconds(of: "r_1", at: Timestamp(milliseconds: 10_000)) == 6000)
    }

    /// A run has asked and done something else; taken up, it only waits for the answer.
    @Test func aRunThatWaitsAgainRestsUntilItDoesSomething() {
        var machine = ThreadStateMachine(policy: .standard)
        _ = machine.receive(OrderInput("r_1", agent: "guide", .start()))
        for (index, payload) in [EventPayload.ask("a_1"), .ask("a_2"), .progress].enumerated() {
            _ = machine.receive("r_1", payload, at: 1000 * Int64(index))
        }
        #expect(!machine.rests.isResting("r_1"))
        machine.waitAgain("r_1", at: Timestamp(milliseconds: 3000))
        #expect(machine.rests.isResting("r_1"))
        // What is decided on the run is decided by the log alone, which does not know of its wait.
        #expect(machine.occupancy.runs.map(\.status) == [.running])
        // An answer to one of two questions is no work; nor is what was used.
        _ = machine.receive("r_1", .answer("a_1"), at: 4000)
        _ = machine.receive("r_1", .usage, at: 5000)
        #expect(machine.rests.isResting("r_1"))
        let before = machine.rests.milliseconds(of: "r_1", at: Timestamp(milliseconds: 6000))
        // What is taken back leaves it as it was.
        let isAccepted = machine.takenBack("r_1", .think, at: 6000)
        #expect(isAccepted && machine.rests.isResting("r_1"))
        _ = machine.receive("r_1", .usage, at: 6000)
        #expect(machine.rests.milliseconds(of: "r_1", at: Timestamp(milliseconds: 6000)) == before && before == 5000)
        _ = machine.receive("r_1", .think, at: 7000)
        #expect(!machine.rests.isResting("r_1"))
        machine.waitAgain("r_1", at: Timestamp(milliseconds: 8000))
        _ = machine.receive("r_1", .answer("a_2"), at: 9000)
        #expect(!machine.rests.isResting("r_1"))
        // From 0 s to 2 s, from 3 s to 7 s, and from 8 s to 9 s.
        #expect(machine.rests.milliseconds(of: "r_1", at: Timestamp(milliseconds: 10_000)) == 7000)
    }

    /// One that works at the same time does not rest; one that has nothing to wait for does not wait.
    @Test func aRunThatWaitsAgainAndWorksDoesNotRest() {
        var machine = ThreadStateMachine(policy: .standard)
        _ = machine.receive(OrderInput("r_1", agent: "guide", .start()))
        machine.waitAgain("r_1", at: Timestamp(milliseconds: 1000))
        machine.waitAgain("r_2", at: Timestamp(milliseconds: 1000))
        #expect(machine.rests.restingCount == 0)
        _ = machine.receive("r_1", .ask("a_1"), at: 2000)
        _ = machine.receive("r_1", .call("c_1"), at: 2000)
        machine.waitAgain("r_1", at: Timestamp(milliseconds: 3000))
        #expect(!machine.rests.isResting("r_1"))
        // The end of the call leaves the wait.
        _ = machine.receive("r_1", .callEnd("c_1"), at: 4000)
        #expect(machine.rests.isResting("r_1"))
        // With a child that works, the run does not only wait.
        _ = machine.start("r_2", parent: "r_1", at: 5000)
        #expect(!machine.rests.isResting("r_1"))
        _ = machine.receive("r_2", .complete, at: 6000)
        #expect(machine.rests.isResting("r_1"))
    }
}

extension ThreadStateMachine {
    /// Applies an event and takes it back.
    ///
    /// - Returns: `false` when it was refused.
    fileprivate mutating func takenBack(_ run: RunID, _ payload: EventPayload, at milliseconds: Int64) -> Bool {
        let draft = EventDraft(runID: run, payload)
        guard case .accept(let acceptance) = check(draft, at: Timestamp(milliseconds: milliseconds)) else {
            return false
        }
        var journal = journal
        apply(acceptance, of: draft, &journal)
        rollBack(journal)
        return true
    }
}
