import AgentEventsFuzzing
import AgentEventsSimulation

/// What the program was asked for.
struct SimulationOptions {
    enum Mode {
        case campaign(seed: UInt64, Campaign.Extent)
        case replay(Schedule)
        case races(depth: Int)
        case race(Race)
        case access(seed: UInt64, worldCount: Int)
        case workers(seed: UInt64, worldCount: Int)
        case models(seed: UInt64, worldCount: Int)
        case fuzz(FuzzOptions, FuzzOptions.Mode)
    }

    static let usage = """
        agent-events-simulation [--steps N] [--seconds N] [--seed S]   simulate; default: 1 000 000 steps, any seed
        agent-events-simulation --replay SCHEDULE|@FILE                let a schedule happen again
        agent-events-simulation --races DEPTH                          all sequences of that many inputs to a run
        agent-events-simulation --race SCENE:INPUT,…                   one of them
        agent-events-simulation --access N [--seed S]                  N worlds in which rights and credentials change all the time
        agent-events-simulation --workers N [--seed S]                 N worlds of agents in other processes, which are lost all the time
        agent-events-simulation --models N [--seed S]                  N worlds of agents around models that fail, in processes that are killed
        agent-events-simulation --fuzz N [--seed S] [--corpus DIR]     have the decoders read N inputs that nobody should send
        agent-events-simulation --fuzz-input SUBJECT:BYTES             one of them
        It ends with 0 when all is as it should be, with 1 when not, and prints the schedule then.
        """

    let mode: Mode

    init(_ arguments: some Sequence<String>) throws(UsageError) {
        var extent = Campaign.Extent()
        var seed = UInt64.random(in: 0 ... .max)
        var schedule: Schedule?
        var races: Mode?
        var accessCount: Int?
        var workersCount: Int?
        var modelsCount: Int?
        var fuzz = FuzzOptions(seed: seed)
        var rest = arguments.makeIterator()
        while let option = rest.next() {
            guard let value = rest.next() else { throw UsageError("\(option) takes a value, or is no option") }
            switch option {
            case "--steps": extent.stepCount = try Self.number(value, option)
            case "--seconds": extent.duration = .seconds(try Self.number(value, option))
            case "--seed":
                guard let number = UInt64(value) else { throw UsageError("\(value) is no seed") }
                seed = number
                fuzz.seed = number
            case "--replay":
                guard let read = ScheduleText.schedule(value) else { throw UsageError("that is no schedule") }
                schedule = read
            case "--workers": workersCount = try Self.number(value, option)
            case "--models": modelsCount = try Self.number(value, option)
            case "--access": accessCount = try Self.number(value, option)
            case "--races": races = .races(depth: try Self.number(value, option))
            case "--race":
                guard let race = Race(value) else { throw UsageError("that is no race") }
                races = .race(race)
            default:
                guard try fuzz.take(option, value) else { throw UsageError("\(option) is no option") }
            }
        }
        if let fuzzMode = fuzz.mode {
            mode = .fuzz(fuzz, fuzzMode)
        } else if let accessCount {
            mode = .access(seed: seed, worldCount: accessCount)
        } else if let workersCount {
            mode = .workers(seed: seed, worldCount: workersCount)
        } else if let modelsCount {
            mode = .models(seed: seed, worldCount: modelsCount)
        } else if let races {
            mode = races
        } else if let schedule {
            mode = .replay(schedule)
        } else {
            if extent.stepCount == 0, extent.duration == .zero { extent.stepCount = 1_000_000 }
            mode = .campaign(seed: seed, extent)
        }
    }

    private static func number(_ text: String, _ option: String) throws(UsageError) -> Int {
        guard let number = Int(text), number >= 0 else { throw UsageError("\(option) takes a number") }
        return number
    }
}
