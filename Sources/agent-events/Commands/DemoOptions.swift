internal import AgentEvents
internal import AgentEventsHub
internal import ArgumentParser

/// The options of `serve` for the demo agent.
struct DemoOptions: ParsableArguments {
    @Flag(
        name: .customLong("demo"),
        help: ArgumentHelp(
            "Serve the agent guide, which answers questions about a folder of text files, and asks before it reads one "
                + "that is named *secret* or larger than 256 KiB."))
    var isOn = false

    @Option(
        name: .customLong("demo-folder"),
        help: ArgumentHelp("The guide's folder. Default: the current one", valueName: "folder"))
    var folder: String?

    @Option(
        name: .customLong("demo-pace"),
        help: ArgumentHelp(
            "How many words of its answer the guide says in a second: slowly enough to pause or stop it meanwhile; 0 for as "
                + "fast as it can. Default: 8",
            valueName: "words"))
    var pace: Double?

    /// The restart modes of the guide, by their names on the command line.
    enum Restart: String, ExpressibleByArgument, CaseIterable {
        case never
        case again
        case resume

        var mode: RestartMode {
            switch self {
            case .never: .never
            case .again: .again()
            case .resume: .resume
            }
        }
    }

    @Option(
        name: .customLong("demo-restart"),
        help: ArgumentHelp(
            "What becomes of the guide's runs when the service dies: they end as lost, are done again, or are resumed. "
                + "Default: resume"))
    var restart: Restart?

    static let defaultPace = 8.0

    func validate() throws {
        if folder != nil, !isOn { throw ValidationError("--demo-folder needs --demo") }
        if pace != nil, !isOn { throw ValidationError("--demo-pace needs --demo") }
        if restart != nil, !isOn { throw ValidationError("--demo-restart needs --demo") }
        guard let pace, pace != 0 else { return }
        guard (0.001...10_000).contains(pace) else {
            throw ValidationError("--demo-pace is 0, or from 0.001 to 10000 words a second")
        }
    }

    /// - Throws: `ExitCode` when the folder is not there.
    func agents() throws -> [any ServedAgent] {
        guard isOn else { return [] }
        let path = folder ?? "."
        let text = TextFolder(path: path)
        guard text.exists else { throw ProgramExit.unavailable("there is no folder \(path) for the guide") }
        let pace = pace ?? Self.defaultPace
        return [
            GuideAgent(
                folder: text, folderName: path == "." ? "this folder" : path,
                pace: pace > 0 ? GuideAgent.Pace(pause: .seconds(1 / pace)) : .unlimited,
                restart: (restart ?? .resume).mode)
        ]
    }
}
