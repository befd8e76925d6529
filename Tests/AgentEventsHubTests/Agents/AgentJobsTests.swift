import AgentEvents
import Testing

@testable import AgentEventsHub

/// The hand-over of jobs is bounded, and loses none.
@Suite(.timeLimit(.minutes(10))) struct AgentJobsTests {
    private static func entry(_ number: Int) throws -> RunQueueStateMachine.Entry {
        RunQueueStateMachine.Entry(
            place: RunQueueStateMachine.Place(thread: "t_1", run: try RunID("r_\(number)")), owner: "u_1", user: "u_1",
            agent: "guide", sequence: UInt64(number), queuedAt: Timestamp(milliseconds: 0))
    }

    private static func number(_ job: AgentJobs.Job) -> UInt64 {
        if case .attempt(let entry) = job { entry.sequence } else { 0 }
    }

    @Test func thereIsRoomForAsManyAsThereAreSlots() async throws {
        let jobs = AgentJobs(roomCount: 2)
        for number in 1...3 {
            #expect(jobs.hasRoom == (number < 3))
            jobs.put(.attempt(try Self.entry(number)))
        }
        jobs.finish()
        var taken: [UInt64] = []
        await jobs.forEach { taken.append(Self.number($0)) }
        #expect(taken == [1, 2, 3])
        #expect(jobs.hasRoom)
    }

    /// What has come before the task was cancelled is handed over.
    @Test func aCancelledTaskHandsOverWhatIsThere() async throws {
        let jobs = AgentJobs(roomCount: 2)
        jobs.put(.attempt(try Self.entry(1)))
        let taking = Task {
            var taken: [UInt64] = []
            await jobs.forEach { taken.append(Self.number($0)) }
            return taken
        }
        taking.cancel()
        #expect(await taking.value == [1])
    }
}
