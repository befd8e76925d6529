import Testing

@testable import AgentEventsSimulation

/// The simulation itself: what it says can be relied on. One test at a time, and in short worlds: what does not suspend for
/// long holds up all other tests.
@Suite(.serialized) struct SimulationTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func theSameSeedGivesTheSameWorld(seed: UInt64) {
        let one = Simulation.run(seed: seed, stepCount: 1000)
        let other = Simulation.run(seed: seed, stepCount: 1000)
        #expect(one.violation == nil, "seed \(seed)")
        #expect(one.digest == other.digest, "seed \(seed)")
        #expect(one.schedule == other.schedule, "seed \(seed)")
        #expect(one.counts == other.counts, "seed \(seed)")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func aScheduleReplaysWhatASeedDid(seed: UInt64) throws {
        let outcome = Simulation.run(seed: seed, stepCount: 1000)
        let schedule = try #require(Schedule(outcome.schedule.description))
        #expect(schedule == outcome.schedule, "seed \(seed)")
        #expect(Simulation.replay(schedule).digest == outcome.digest, "seed \(seed)")
    }

    @Test func anotherSeedGivesAnotherWorld() {
        let digests = Set((1...10).map { Simulation.run(seed: $0, stepCount: 500).digest })
        #expect(digests.count == 10)
    }

    /// Whatever is left out of a schedule, the rest can happen, and breaks nothing.
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func partsOfASchedulesChoicesAreASchedule(seed: UInt64) {
        var random = SimulationRandom(seed: seed)
        let whole = Simulation.run(seed: seed, stepCount: 1000).schedule
        for part in 1...5 {
            var schedule = whole
            schedule.choices.removeAll { _ in random.once(in: part + 1) }
            #expect(Simulation.replay(schedule).violation == nil, "seed \(seed), part \(part)")
        }
    }

    @Test func aWorldInWhichNothingIsBrokenHasNothingToShrink() {
        let shrinking = Shrinking(Simulation.run(seed: 1, stepCount: 500))
        #expect(shrinking?.schedule == nil)
    }

    /// What is rare may not happen in the first million steps: a campaign that is to see everything runs on, but not for ever.
    @Test func aCampaignThatCoversAllRunsOnUntilEverythingHappened() {
        let extent = Campaign.Extent(stepCount: 100, coversAll: true)
        var summary = Campaign.Summary()
        for occurrence in Occurrence.allCases.dropLast() { summary.counts[occurrence] += 1 }
        #expect(!extent.isReached(by: summary))
        summary.stepCount = 999
        #expect(!extent.isReached(by: summary))
        #expect(Campaign.Extent(stepCount: 100).isReached(by: summary))
        summary.stepCount = 1000
        #expect(extent.isReached(by: summary))
        summary.stepCount = 100
        summary.counts[Occurrence.allCases[Occurrence.allCases.count - 1]] += 1
        #expect(extent.isReached(by: summary))
        summary.stepCount = 99
        #expect(!extent.isReached(by: summary))
    }
}
