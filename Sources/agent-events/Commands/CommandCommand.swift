internal import AgentEvents
internal import AgentEventsClient
internal import AgentEventsProtocol
internal import ArgumentParser

struct CommandCommand: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case pretty
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "command",
        abstract: "Ask an agent of a thread, stop, pause or resume its runs, or answer what one asks.",
        discussion: """
            The answer comes once what was done is in the log: done, with the ids of its events; unchanged (it was so already), \
            or repeated (the same key came before). Below that stands the state that the command met.

            stop, pause and resume are for every open run without a parent, or for the one of --run. With --as-of, the id of the \
            last event that you saw (tail shows it in front of each line), they are for the runs that began until then: a stop \
            that arrives late does not end what you have not seen. message and start have a run begin; when the thread is busy, \
            --policy says whether it waits (queue), or what else is done.

            A refused command ends the program with 1. Without a service it gives up with 69 after --give-up.

            Example:
              agent-events command t_1 message --text "Where are runs ended?"
              agent-events command t_1 pause
              agent-events command t_1 resume
              agent-events command t_1 answer --approve a_1 --data '{"lines":3}'
              agent-events command t_1 answer --deny a_1
              agent-events command t_1 stop --as-of 3-57 --reason "wrong folder"
              agent-events command t_1 message --text "No, started" --policy rollback
              agent-events command t_1 start --retry-of r_7
              agent-events command t_1 set --entry city --data '"Berlin"' --ttl 3600
              agent-events command t_1 editor.undo --run r_7 --data '{"steps":2}'
            """)

    @Argument(
        help: "The thread's id. One that begins with a hyphen comes last, after --.",
        transform: { text throws in try ThreadID(text) })
    var thread: ThreadID

    @Argument(
        help: ArgumentHelp(
            "message, start, stop, pause, resume, answer, revoke, set, remove, or a command of your application's own, with a dot "
                + "in its name."))
    var name: String

    @OptionGroup var stream: StreamOptions

    @Option(help: "The answer in words, or as one JSON object, as the service gave it.")
    var format = Format.pretty

    @Option(parsing: .unconditional, help: ArgumentHelp("The data of the command, as JSON.", valueName: "json"))
    var data: String?

    @Option(
        parsing: .unconditional,
        help: "Names the command, so that giving it again does nothing twice. Default: a new one.",
        transform: { text throws in try IdempotencyKey(text) })
    var key: IdempotencyKey?

    @Option(
        help: ArgumentHelp("How many seconds to try for while there is no service.", valueName: "seconds"))
    var giveUp: Double = 30

    @OptionGroup(title: "Options for stop, pause and resume") var runs: RunOptions
    @OptionGroup(title: "Options for answer") var answer: AnswerOptions
    @OptionGroup(title: "Options for message and start") var request: RequestOptions
    @OptionGroup(title: "Options for set and remove") var values: ValueOptions

    func validate() throws {
        guard giveUp >= 0, giveUp <= 86_400 else { throw ValidationError("--give-up is from 0 to 86400 seconds") }
        _ = try body()
    }

    /// The command as one of the protocol; what is wrong with it is said before anything is sent.
    private func body() throws -> CommandBody {
        for option in runs.given + answer.given + request.given + values.given { try option.check(for: name) }
        let data = try data.map { try Self.json($0, of: "--data") }
        var members: JSONObject = ["name": .string(name)]
        members["run_id"] = runs.run.map { .string($0.rawValue) }
        members["as_of"] = runs.asOf.map { .string($0.description) }
        members["data"] =
            switch CommandWord(rawValue: name) {
            case .stop, .pause, .resume: try runs.data(with: data)
            case .answer: try answer.data(with: data)
            case .message: try request.message(with: data)
            case .start: try request.start(with: data)
            case .revoke: try answer.revocation(with: data)
            case .set: try values.setting(with: data)
            case .remove: try values.removal(with: data)
            case nil: data
            }
        do throws(ProtocolError) {
            return try CommandBody.decode(JSONValue.object(members).encoded())
        } catch {
            let place = self.data == nil ? nil : error.path
            throw ValidationError(place.map { "\(error.message) (\($0))" } ?? error.message)
        }
    }

    static func json(_ text: String, of option: String) throws -> JSONValue {
        do throws(WireError) {
            return try JSONValue(parsing: Array(text.utf8))
        } catch {
            let hint = text.first?.isLetter == true ? "; a text stands in quotes of its own: '\"text\"'" : ""
            throw ValidationError("\(option) is no JSON: \(error.message)\(hint)")
        }
    }

    @concurrent
    func run() async throws {
        let body = try body()
        try await ClientFailure.reported {
            do {
                let answer = try await stream.client().command(
                    body, thread: thread, key: key, timeout: .seconds(giveUp))
                switch format {
                case .json: try StandardOutput.write(answer.body(in: thread).encoded())
                case .pretty: try StandardOutput.write(CommandText(answer).lines.joined(separator: "\n"))
                }
            } catch let error as AgentEventsClientError {
                // What the command met stands below what is wrong with it.
                let met = CommandText.lines(ofRefusal: error.refusal?.details)
                let place = error.refusal?.path.map { " (at \($0))" } ?? ""
                throw ClientFailure.exit(for: error, adding: place + met.map { "\n\($0)" }.joined())
            }
        }
    }
}
