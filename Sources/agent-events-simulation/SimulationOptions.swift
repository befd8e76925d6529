import AgentEventsSimulation

/// What the program was asked for.
struct SimulationOptions {
    enum Mode {
        case campaign(WorldKind, seed: UInt64, Campaign.Extent)
        /// Each of the bugs is to be found.
        case bugs([SeededBug], seed: UInt64)
        case replay(Schedule, SeededBug?)
    }

    static let usage = """
        agent-events-simulation [--world machines|real] [--steps N] [--seconds N] [--seed S]
                                                                       simulate; default: machines, 1 000 000 steps, any seed
        agent-events-simulation --bug NAME|all [--seed S]              find a seeded bug in 60 s
        agent-events-simulation --replay SCHEDULE|@FILE [--bug NAME]   let a schedule happen again
        Bugs: \(SeededBug.allCases.map(\.rawValue).joined(separator: ", ")).
        It ends with 0 when all is as it should be, with 1 when not, and prints the schedule then.
        """

    let mode: Mode

    init(_ arguments: some Sequence<String>) throws(UsageError) {
        var extent = Campaign.Extent()
        var seed = UInt64.random(in: 0 ... .max)
        var bugs: [SeededBug] = []
        var schedule: Schedule?
        var world = WorldKind.machines
        var rest = arguments.makeIterator()
        while let option = rest.next() {
            guard let value = rest.next() else { throw UsageError("\(option) takes a value, or is no option") }
            switch option {
            case "--steps": extent.stepCount = try Self.number(value, option)
            case "--seconds": extent.duration = .seconds(try Self.number(value, option))
            case "--seed":
                guard let number = UInt64(value) else { throw UsageError("\(value) is no seed") }
                seed = number
            case "--world":
                guard let kind = WorldKind(rawValue: value) else { throw UsageError("\(value) is no world") }
                world = kind
            case "--bug":
                bugs = value == "all" ? SeededBug.allCases : SeededBug(rawValue: value).map { [$0] } ?? []
                if bugs.isEmpty { throw UsageError("\(value) is no bug") }
            case "--replay":
                guard let read = ScheduleText.schedule(value) else { throw UsageError("that is no schedule") }
                schedule = read
            default: throw UsageError("\(option) is no option")
            }
        }
        if let schedule {
            guard bugs.count <= 1 else { throw UsageError("a schedule is replayed with one bug, or none") }
            mode = .replay(schedule, bugs.first)
        } else if !bugs.isEmpty {
            mode = .bugs(bugs, seed: seed)
        } else {
            if extent.stepCount == 0, extent.duration == .zero { extent.stepCount = 1_000_000 }
            mode = .campaign(world, seed: seed, extent)
        }
    }

    private static func number(_ text: String, _ option: String) throws(UsageError) -> Int {
        guard let number = Int(text), number >= 0 else { throw UsageError("\(option) takes a number") }
        return number
    }
}
