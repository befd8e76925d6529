/// Runs worlds: from a seed, or again from a schedule.
package enum Simulation {
    /// What came of a world.
    package struct Outcome: Sendable {
        package var schedule: Schedule
        package var violation: InvariantViolation?
        package var stepCount: Int
        package var counts: OccurrenceCounts
        /// The same for the same schedule, always.
        package var digest: UInt64
    }

    /// Runs a world for a number of steps, and then lets it come to rest.
    package static func run(seed: UInt64, stepCount: Int, size: WorldSize? = nil) -> Outcome {
        var random = SimulationRandom(seed: seed)
        let made = WorldSize(&random)
        let size = size ?? made
        let world = RealWorld(seed: seed, size: size)
        var choices: [Choice] = []
        choices.reserveCapacity(stepCount)
        // What cannot happen is no step; of that there may not be much.
        var attempts = 0
        while choices.count < stepCount, world.violation == nil, attempts < 20 * stepCount {
            attempts += 1
            let choice = world.propose(&random)
            if world.perform(choice) { choices.append(choice) }
        }
        return finish(world, Schedule(seed: seed, size: size, choices: choices))
    }

    /// Lets the same happen again.
    ///
    /// - Parameter narrator: is told what happens, in words.
    package static func replay(_ schedule: Schedule, narrator: ((String) -> Void)? = nil) -> Outcome {
        let world = RealWorld(seed: schedule.seed, size: schedule.size, narrator: narrator)
        for choice in schedule.choices where world.violation == nil { _ = world.perform(choice) }
        return finish(world, schedule)
    }

    private static func finish(_ world: RealWorld, _ schedule: Schedule) -> Outcome {
        let settled = world.violation == nil ? world.settle() : 0
        world.close()
        world.tellLog()
        return Outcome(
            schedule: schedule, violation: world.violation, stepCount: schedule.choices.count + settled,
            counts: world.counts, digest: world.digest)
    }
}
