internal import AgentEvents
internal import ArgumentParser

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check recorded events, or events to be emitted, one JSON object a line.",
        discussion: """
            Checks that each line can be read, that the numbers of each thread are dense, the order of each run, and that \
            each run has an end. Names line, rule and what would have been legal; ends with 1 when something is wrong.

            Example:
              agent-events validate run.ndjson
              agent-events tail t_1 --after start --until-end --format json | agent-events validate -
            """)

    private static let shownFaultCount = 100

    @Argument(help: "The file; - for standard input.")
    var file: String

    @Option(
        help: ArgumentHelp(
            "How strictly the order is checked: canonical asks for a thought before the first tool call, and for both.",
            valueName: "standard|canonical"),
        transform: { text throws in try Choice.read(text) })
    var policy = OrderPolicy.standard

    @concurrent
    func run() async throws {
        var validator = RecordingValidator(policy: policy)
        var faultCount = 0
        do {
            let reader = try LineReader(path: file)
            while let line = try reader.next() {
                try show(validator.receive(line.bytes, line: line.number), &faultCount)
            }
            try show(validator.finish(), &faultCount)
            try summarize(validator, faultCount)
        } catch is OutputClosedError {
            // Whoever read the faults has seen enough; the exit code still tells.
        } catch let error as InputError {
            throw ProgramExit.wrong(error.message)
        }
        if faultCount > 0 { throw ExitCode(1) }
    }

    private func show(_ faults: [SequenceFault], _ count: inout Int) throws {
        for fault in faults {
            count += 1
            if count <= Self.shownFaultCount { try StandardOutput.write("\(file):\(fault)") }
        }
    }

    private func summarize(_ validator: RecordingValidator, _ faultCount: Int) throws {
        if faultCount > Self.shownFaultCount {
            try StandardOutput.write("… and \(faultCount - Self.shownFaultCount) more")
        }
        let verdict =
            switch faultCount {
            case 0: "ok"
            case 1: "1 fault"
            default: "\(faultCount) faults"
            }
        var summary = "\(verdict): \(Self.count(validator.eventCount, "event")), "
        summary += "\(Self.count(validator.runCount, "run")), \(Self.count(validator.threadCount, "thread"))"
        if validator.unknownCount > 0 {
            summary += "; \(validator.unknownCount) of types that this version does not know"
        }
        try StandardOutput.write(summary)
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
