internal import AgentEvents
internal import AgentEventsChecks
internal import ArgumentParser

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check recorded events, or events to be emitted, one JSON object a line.",
        discussion: """
            Checks that each line can be read, that the numbers of each thread are dense, the order of each run, and that \
            each run has an end. Names line, rule and what would have been legal; ends with 1 when something is wrong, or \
            there was no event to check.

            It reads events alone, and all that a WebSocket carried, as recorders write it, one message a line: other \
            messages are skipped. After a reset a thread is judged from there on.

            Example:
              agent-events validate run.ndjson
              agent-events tail t_1 --after start --until-end --format json | agent-events validate -

            With --as-test it prints a test for a recording that is right: an expectEvents block of AgentEventsTesting for \
            each thread, to be pasted after a run whose events go to the InMemorySink called sink.

            With --history it checks a test of a whole service: what producers were told against what clients saw. The \
            article Histories of the documentation describes the records.
            """)

    private static let shownFaultCount = 100

    @Argument(help: "The file; - for standard input. With --history: a file, or a folder with files *.ndjson.")
    var file: String

    @Flag(help: "The file is a history: records of what producers were told and what clients saw.")
    var history = false

    @Flag(
        help: ArgumentHelp(
            "With --history: the agents of the service answer every message, one run at a time in each thread. Checks their "
                + "queue, and that what asks for approval has it."))
    var agents = false

    @Flag(help: "Print the test that the recording passes.")
    var asTest = false

    @Option(
        help: ArgumentHelp(
            "How strictly the order is checked: canonical asks for a thought before the first tool call, and for both.",
            valueName: "standard|canonical"),
        transform: { text throws in try Choice.read(text) })
    var policy = OrderPolicy.standard

    func validate() throws {
        if history && asTest { throw ValidationError("--as-test is for recordings, not for histories") }
        if agents && !history { throw ValidationError("--agents is for histories: give --history, too") }
    }

    @concurrent
    func run() async throws {
        if history { return try checkHistory() }
        var validator = RecordingValidator(policy: policy)
        var expectation = RecordedExpectation(policy: policy)
        var faultCount = 0
        do {
            let reader = try LineReader(path: file)
            while let line = try reader.next() {
                let faults = validator.receive(line.bytes, line: line.number)
                try show(faults, &faultCount)
                if asTest, faults.isEmpty { try add(line, to: &expectation) }
            }
            if validator.eventCount == 0, faultCount == 0 { throw Self.nothing(validator, in: reader.name) }
            try show(validator.finish(), &faultCount)
            if asTest, faultCount == 0 { return try show(expectation) }
            try summarize(validator, faultCount)
        } catch is OutputClosedError {
            // The reader of the faults has seen enough; the exit code still tells.
        } catch let error as InputError {
            throw ProgramExit.wrong(error.message)
        }
        if faultCount > 0 { throw ExitCode(1) }
    }

    private static func nothing(_ validator: RecordingValidator, in name: String) -> ExitCode {
        let others = validator.messageCount > 0 ? " besides \(count(validator.messageCount, "other message"))" : ""
        return ProgramExit.wrong("there is no event in \(name)\(others): nothing was validated")
    }

    private func add(_ line: LineReader.Line, to expectation: inout RecordedExpectation) throws {
        do throws(WireError) {
            try expectation.receive(line.bytes)
        } catch {
            throw ProgramExit.wrong("\(file):\(line.number): a test is made of committed events only: \(error.message)")
        }
    }

    private func show(_ expectation: RecordedExpectation) throws {
        let lines = expectation.lines
        if lines.isEmpty { throw ProgramExit.wrong("\(file): there are no events to make a test of") }
        try StandardOutput.write(lines.joined(separator: "\n"))
    }

    private func checkHistory() throws {
        var faultCount = 0
        do {
            let check = try HistoryFiles(path: file).check(policy: policy, checksQueue: agents)
            for fault in check.finish() {
                faultCount += 1
                if faultCount <= Self.shownFaultCount { try StandardOutput.write("\(fault)") }
            }
            var summary = try verdict(faultCount) + ": \(Self.count(check.recordCount, "record")), "
            summary += "\(Self.count(check.attemptCount, "attempt")), \(Self.count(check.clientCount, "client"))"
            try StandardOutput.write(summary)
        } catch is OutputClosedError {
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
        var summary = try verdict(faultCount) + ": \(Self.count(validator.eventCount, "event")), "
        summary += "\(Self.count(validator.runCount, "run")), \(Self.count(validator.threadCount, "thread"))"
        if validator.unknownCount > 0 {
            summary += "; \(validator.unknownCount) of types that this version does not know"
        }
        if validator.messageCount > 0 {
            summary += "; \(Self.count(validator.messageCount, "other message")) skipped"
        }
        try StandardOutput.write(summary)
    }

    private func verdict(_ faultCount: Int) throws -> String {
        if faultCount > Self.shownFaultCount {
            try StandardOutput.write("… and \(faultCount - Self.shownFaultCount) more")
        }
        return faultCount == 0 ? "ok" : Self.count(faultCount, "fault")
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
