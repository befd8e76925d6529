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
}
