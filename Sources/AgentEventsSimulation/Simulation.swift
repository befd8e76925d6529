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

    /// Lets a world go on for so many steps, and then come to rest.
    package static func run(
        seed: UInt64,
        world kind: WorldKind = .machines,
        stepCount: Int,
        bug: SeededBug? = nil,
        size: WorldSize? = nil
    ) -> Outcome {
        var random = SimulationRandom(seed: seed)
        let made = WorldSize(&random)
        let size = size ?? (kind == .real ? made.forRealShells : made)
        guard kind == .machines else { return runReal(seed: seed, size, stepCount: stepCount, &random) }
        let world = World(seed: seed, size: size, bug: bug)
        var choices: [Choice] = []
        choices.reserveCapacity(stepCount)
        // What cannot happen is no step; of that there may not be much.
        var attempts = 0
        while choices.count < stepCount, world.violation == nil, attempts < 8 * stepCount {
            attempts += 1
            let choice = world.propose(&random)
            if world.perform(choice) { choices.append(choice) }
        }
        return finish(world, Schedule(seed: seed, size: size, choices: choices))
    }

    /// Lets the same happen again.
    ///
    /// - Parameter narrator: is told what happens, in words.
    package static func replay(
        _ schedule: Schedule,
        bug: SeededBug? = nil,
        narrator: ((String) -> Void)? = nil
    ) -> Outcome {
        guard schedule.world == .machines else {
            let world = RealWorld(seed: schedule.seed, size: schedule.size, narrator: narrator)
            for choice in schedule.choices where world.violation == nil { _ = world.perform(choice) }
            return finish(world, schedule)
        }
        let world = World(seed: schedule.seed, size: schedule.size, bug: bug, narrator: narrator)
        for choice in schedule.choices where world.violation == nil { _ = world.perform(choice) }
        return finish(world, schedule)
    }

    private static func runReal(
        seed: UInt64,
        _ size: WorldSize,
        stepCount: Int,
        _ random: inout SimulationRandom
    ) -> Outcome {
        let world = RealWorld(seed: seed, size: size)
        var choices: [Choice] = []
        choices.reserveCapacity(stepCount)
        var attempts = 0
        while choices.count < stepCount, world.violation == nil, attempts < 20 * stepCount {
            attempts += 1
            let choice = world.propose(&random)
            if world.perform(choice) { choices.append(choice) }
        }
        return finish(world, Schedule(seed: seed, world: .real, size: size, choices: choices))
    }

    private static func finish(_ world: RealWorld, _ schedule: Schedule) -> Outcome {
        let settled = world.violation == nil ? world.settle() : 0
        world.close()
        return Outcome(
            schedule: schedule, violation: world.violation, stepCount: schedule.choices.count + settled,
            counts: world.counts, digest: world.digest)
    }

    private static func finish(_ world: World, _ schedule: Schedule) -> Outcome {
        let settled = world.violation == nil ? world.settle(seed: schedule.seed) : 0
        return Outcome(
            schedule: schedule, violation: world.violation, stepCount: schedule.choices.count + settled,
            counts: world.counts, digest: world.digest)
    }
}
