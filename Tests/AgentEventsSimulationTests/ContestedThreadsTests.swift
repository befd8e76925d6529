import AgentEvents
import Testing

@testable import AgentEventsSimulation

/// The check of threads that two processes open finds what is wrong.
struct ContestedThreadsTests {
    private let threads = ContestedThreads()

    private func attempt() -> ContestedThreads.Attempt {
        var random = SimulationRandom(seed: 1)
        return threads.begin(&random)
    }

    private func commit(_ attempt: ContestedThreads.Attempt, _ sequence: UInt64, of user: UserID? = nil) throws
        -> InvariantViolation?
    {
        let id = EventID(generation: 1, sequence: sequence)
        let bytes = try EventEncoder.encode(
            attempt.draft.payload, id: id, thread: attempt.owner.thread, run: nil, agent: nil,
            time: Timestamp(milliseconds: 0))
        let owner = ThreadOwner(thread: attempt.owner.thread, user: user ?? attempt.owner.user)
        return threads.didCommit(LogEntry(owner: owner, id: id, type: .custom, run: nil, bytes: bytes))
    }

    private func taken(_ sequence: UInt64) -> ContestedThreads.Outcome {
        .taken(EventID(generation: 1, sequence: sequence))
    }

    @Test func oneThatIsTakenIsFine() throws {
        let attempt = attempt()
        #expect(try commit(attempt, 1) == nil)
        #expect(threads.didEnd(attempt, taken(1)) == nil)
    }

    @Test func anAcknowledgementOfWhatIsNotInTheLogIsFound() throws {
        #expect(threads.didEnd(attempt(), taken(1))?.rule == .acknowledgedIsKept)
    }

    @Test func whatWasRefusedAndIsInTheLogIsFound() throws {
        let attempt = attempt()
        _ = try commit(attempt, 1)
        #expect(threads.didEnd(attempt, .forbidden)?.rule == .acknowledgedIsKept)
    }

    @Test func anOwnerWhoIsRefusedIsFound() throws {
        _ = try commit(attempt(), 1)
        #expect(threads.didEnd(attempt(), .forbidden)?.rule == .isolation)
    }

    @Test func eventsOfTwoUsersAndGapsAreFound() throws {
        let attempt = attempt()
        _ = try commit(attempt, 1)
        #expect(try commit(attempt, 2, of: "u_stranger")?.rule == .isolation)
        #expect(try commit(attempt, 3)?.rule == .denseOrder)
    }
}
