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
        if CommandLine.arguments.contains("--help") {
            print(SimulationOptions.usage)
            exit(0)
        }
        do {
            let options = try SimulationOptions(CommandLine.arguments.dropFirst())
            if case .fuzz(let options, let mode) = options.mode {
                exit(try await FuzzProgram(options).run(mode))
            }
            exit(await run(options) ? 0 : 1)
        } catch let error as UsageError {
            print("\(error.message)\n\n\(SimulationOptions.usage)")
            exit(64)
        } catch {
            print("\(error)")
            exit(70)
        }
    }

    /// - Returns: whether all was as it should be.
    private static func run(_ options: SimulationOptions) async -> Bool {
        switch options.mode {
        case .campaign(let seed, let extent):
            return await simulate(seed: seed, extent)
        case .replay(let schedule):
            let outcome = Simulation.replay(schedule) { print($0) }
            print("\(schedule.choices.count) choices, digest \(String(outcome.digest, radix: 16))")
            print(outcome.violation.map { "violated: \($0)" } ?? "nothing is violated")
            return outcome.violation == nil
        case .races(let depth):
            let summary = Races.run(depth: depth)
            if let (race, problem) = summary.violation {
                print("violated: \(problem)\nagain: agent-events-simulation --race '\(race)'")
                return false
            }
            print("\(summary.raceCount) races of depth \(depth), \(summary.idleCount) that stand for shorter ones")
            return true
        case .race(let race):
            let problem = Races.problem(of: race)
            print(problem.map { "violated: \($0)" } ?? "nothing is violated")
            return problem == nil
        case .access(let seed, let worldCount):
            return control(seed: seed, worldCount, "--access") { AccessWorld.run(seed: $0, stepCount: 8000) }
        case .workers(let seed, let worldCount):
            return control(seed: seed, worldCount, "--workers") { WorkerWorld.run(seed: $0, stepCount: 20_000) }
        case .models(let seed, let worldCount):
            return control(seed: seed, worldCount, "--models") { ModelWorld.run(seed: $0, stepCount: 10_000) }
        case .fuzz: preconditionFailure("a program of its own")
        }
    }

    private static func control(
        seed: UInt64, _ worldCount: Int, _ option: String, _ run: (_ seed: UInt64) -> WorldOutcome
    ) -> Bool {
        var counts: [String: Int] = [:]
        for number in 0..<UInt64(worldCount) {
            let outcome = run(seed &+ number)
            counts.merge(outcome.counts) { $0 + $1 }
            if let violation = outcome.violation {
                print("violated: \(violation)\nagain: agent-events-simulation \(option) 1 --seed \(seed &+ number)")
                return false
            }
        }
        for (occurrence, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(occurrence): \(count)") }
        print("\(worldCount) worlds from seed \(seed) on")
        return true
    }

    private static func simulate(seed: UInt64, _ extent: Campaign.Extent) async -> Bool {
        // In a few steps not everything can happen.
        var extent = extent
        extent.coversAll = extent.stepCount >= 1_000_000 || extent.duration >= .seconds(60)
        let summary = await Campaign(seed: seed).run(extent)
        for occurrence in Occurrence.allCases { print("\(occurrence) \(summary.counts[occurrence])") }
        if let failure = summary.failure {
            await report(failure, ofCampaign: seed)
            return false
        }
        if extent.coversAll, !summary.counts.missing.isEmpty {
            print("seed \(seed): never happened: \(summary.counts.missing.map { "\($0)" }.joined(separator: ", "))")
            return false
        }
        print(
            "seed \(seed): \(summary.stepCount) steps, \(summary.worldCount) worlds, \(summary.clientCount) clients, "
                + "\(Int(summary.stepsPerSecond)) steps/s")
        return true
    }

    /// Prints the schedule, shrunk, and how to see it again.
    private static func report(_ failure: Simulation.Outcome, ofCampaign seed: UInt64) async {
        print("seed \(seed):")
        if let violation = failure.violation { print("violated: \(violation)") }
        guard var shrinking = Shrinking(failure) else { return }
        print("\(failure.schedule.choices.count) choices, world \(failure.schedule.size), shrinking")
        let schedule = await shrinking.run()
        if let violation = Simulation.replay(schedule).violation {
            print("after \(shrinking.attemptCount) attempts \(schedule.choices.count) choices: \(violation)")
        }
        print("again: agent-events-simulation --replay '\(ScheduleText.argument(schedule))'")
    }
}
