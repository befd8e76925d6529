import Testing

@testable import AgentEventsSimulation

@Suite struct WorldTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func nothingIsViolated(seed: UInt64) {
        let outcome = Simulation.run(seed: seed, stepCount: 3000)
        #expect(outcome.violation == nil, "\(outcome.schedule)")
    }

    @Test func theSameSeedGivesTheSameWorld() {
        let one = Simulation.run(seed: 7, stepCount: 4000)
        #expect(one.digest == Simulation.run(seed: 7, stepCount: 4000).digest)
        #expect(one.digest == Simulation.replay(one.schedule).digest)
        #expect(one.digest != Simulation.run(seed: 8, stepCount: 4000).digest)
    }

    @Test func aScheduleIsReadAsItIsWritten() {
        let schedule = Simulation.run(seed: 3, stepCount: 200).schedule
        #expect(Schedule(schedule.description) == schedule)
    }
}
