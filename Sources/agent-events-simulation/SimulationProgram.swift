import AgentEventsSimulation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Runs the simulation; see ``SimulationOptions/usage``.
@main
enum SimulationProgram {
    static func main() async {
        do throws(UsageError) {
            let options = try SimulationOptions(CommandLine.arguments.dropFirst())
            exit(await run(options) ? 0 : 1)
        } catch {
            print("\(error.message)\n\n\(SimulationOptions.usage)")
            exit(64)
        }
    }

    /// - Returns: whether all was as it should be.
    private static func run(_ options: SimulationOptions) async -> Bool {
        switch options.mode {
        case .campaign(let world, let seed, let extent):
            return await simulate(world, seed: seed, extent)
        case .bugs(let bugs, let seed):
            var foundCount = 0
            for bug in bugs where await find(bug, seed: seed) { foundCount += 1 }
            print("seed \(seed): \(foundCount) of \(bugs.count) seeded bugs found")
            return foundCount == bugs.count
        case .replay(let schedule, let bug):
            let outcome = Simulation.replay(schedule, bug: bug) { print($0) }
            print("\(schedule.choices.count) choices, digest \(String(outcome.digest, radix: 16))")
            print(outcome.violation.map { "violated: \($0)" } ?? "nothing is violated")
            return outcome.violation == nil
        }
    }

    private static func simulate(_ world: WorldKind, seed: UInt64, _ extent: Campaign.Extent) async -> Bool {
        // In a few steps not everything can happen.
        var extent = extent
        extent.coversAll = extent.stepCount >= 1_000_000 || extent.duration >= .seconds(60)
        let summary = await Campaign(seed: seed, world: world).run(extent)
        for occurrence in world.expected { print("\(occurrence) \(summary.counts[occurrence])") }
        if let failure = summary.failure {
            await report(failure, bug: nil)
            return false
        }
        let missing = world.expected.filter { summary.counts[$0] == 0 }
        if extent.coversAll, !missing.isEmpty {
            print("never happened: \(missing.map { "\($0)" }.joined(separator: ", "))")
            return false
        }
        print(
            "seed \(seed): \(summary.stepCount) steps, \(summary.worldCount) worlds, \(summary.clientCount) clients, "
                + "\(Int(summary.stepsPerSecond)) steps/s")
        return true
    }

    private static func find(_ bug: SeededBug, seed: UInt64) async -> Bool {
        let summary = await Campaign(seed: seed, bug: bug).run(Campaign.Extent(duration: .seconds(60)))
        guard let failure = summary.failure else {
            print("\(bug.rawValue): NOT found in \(summary.stepCount) steps, seed \(seed)")
            return false
        }
        let milliseconds = summary.duration / .milliseconds(1)
        print("\(bug.rawValue): found after \(summary.stepCount) steps, \(Int(milliseconds)) ms")
        await report(failure, bug: bug)
        return true
    }

    /// Prints the schedule, shrunk, and how to see it again.
    private static func report(_ failure: Simulation.Outcome, bug: SeededBug?) async {
        if let violation = failure.violation { print("violated: \(violation)") }
        guard var shrinking = Shrinking(failure, bug: bug) else { return }
        print("\(failure.schedule.choices.count) choices, world \(failure.schedule.size), shrinking")
        let schedule = await shrinking.run()
        if let violation = Simulation.replay(schedule, bug: bug).violation {
            print("after \(shrinking.attemptCount) attempts \(schedule.choices.count) choices: \(violation)")
        }
        let option = bug.map { " --bug \($0.rawValue)" } ?? ""
        print("again: agent-events-simulation\(option) --replay '\(ScheduleText.argument(schedule))'")
    }
}
