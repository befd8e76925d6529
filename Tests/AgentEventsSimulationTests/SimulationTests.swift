import AgentEventsSimulation
import Testing

/// The simulation itself: what it says can be relied on.
struct SimulationTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func theSameSeedGivesTheSameWorld(seed: UInt64) {
        let one = Simulation.run(seed: seed, stepCount: 1000)
        let other = Simulation.run(seed: seed, stepCount: 1000)
        #expect(one.violation == nil, "seed \(seed)")
        #expect(one.digest == other.digest, "seed \(seed)")
        #expect(one.schedule == other.schedule, "seed \(seed)")
        #expect(one.counts == other.counts, "seed \(seed)")
    }
}
