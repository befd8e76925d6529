import Testing

@testable import AgentEventsSimulation

@Suite(.ownThread) struct WorldTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func nothingIsViolated(seed: UInt64) {
        let outcome = Simulation.run(seed: seed, stepCount: 3000)
        #expect(outcome.violation == nil, "\(outcome.schedule)")
    }

    /// Worlds in which another process writes the same log, with what they are there for.
    @Test func aWorldWithTwoWritersIsInOrder() {
        var counts = OccurrenceCounts()
        for seed in (1...60 as ClosedRange<UInt64>).filter({ StoreKind(seed: $0) == .contended }) {
            let outcome = Simulation.run(seed: seed, stepCount: 3000)
            #expect(outcome.violation == nil, "\(outcome.schedule)")
            counts.add(outcome.counts)
        }
        for occurrence in [.refusedByContention, .decidedAgain, .toldOfOthers] as [Occurrence] {
            #expect(counts[occurrence] > 0, "\(occurrence)")
        }
    }

    @Test func theSameSeedGivesTheSameWorldWithTwoWriters() {
        guard let seed = (1...60 as ClosedRange<UInt64>).first(where: { StoreKind(seed: $0) == .contended }) else {
            Issue.record("one of four worlds has two writers")
            return
        }
        let one = Simulation.run(seed: seed, stepCount: 1000)
        #expect(one.digest == Simulation.run(seed: seed, stepCount: 1000).digest)
        #expect(one.digest == Simulation.replay(one.schedule).digest)
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
