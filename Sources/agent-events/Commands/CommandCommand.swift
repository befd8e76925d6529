internal import AgentEvents
internal import AgentEventsClient
internal import AgentEventsProtocol
internal import ArgumentParser

struct CommandCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "command",
        abstract: "Stop, pause or resume the runs of a thread, or answer what one asks.",
        discussion: """
            Prints the service's answer, one JSON object, once it is in the log: done, unchanged (it was so already) or repeated \
            (the same key came before). Without --run a command is for every open run without a parent; with --as-of, the id of \
            the last event that you saw, for those that began until then.

            A refused command ends the program with 1. Without a service it gives up with 69 after --give-up.

            Example:
              agent-events command t_1 pause
              agent-events command t_1 stop --as-of 3-57 --reason "wrong folder"
              agent-events command t_1 answer --approve a_1 --data '{"comment":"fine"}'
              agent-events command t_1 editor.undo --run r_7 --data '{"steps":2}'
            """)

    @Argument(
        help: "The thread's id. One that begins with a hyphen comes last, after --.",
        transform: { text throws in try ThreadID(text) })
    var thread: ThreadID

    @Argument(help: "stop, pause, resume, answer, or a command of your application's own, with a dot in its name.")
    var name: String

    @OptionGroup var stream: StreamOptions

    // An id may begin with a hyphen.
    @Option(
        name: .customLong("run"), parsing: .unconditional, help: "The run that it is for. Default: all that are open.",
        transform: { text throws in try RunID(text) })
    var runID: RunID?

    @Option(help: ArgumentHelp("The id of the last event that you saw, such as 3-57.", valueName: "id"))
    var asOf: String?

    @Option(parsing: .unconditional, help: "Why, for people; it stands in the events.")
    var reason: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("answer: says yes to this request for approval; with its form as --data.", valueName: "id"),
        transform: { text throws in try ApprovalID(text) })
    var approve: ApprovalID?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("answer: says no to this request for approval.", valueName: "id"),
        transform: { text throws in try ApprovalID(text) })
    var deny: ApprovalID?

    @Option(parsing: .unconditional, help: ArgumentHelp("The data of the command, as JSON.", valueName: "json"))
    var data: String?

    @Option(
        parsing: .unconditional,
        help: "Names the command, so that giving it again does nothing twice. Default: a new one.",
        transform: { text throws in try IdempotencyKey(text) })
    var key: IdempotencyKey?

    @Option(
        help: ArgumentHelp("How many seconds to try for while there is no service. Default: 30.", valueName: "seconds"))
    var giveUp: Double = 30

    func validate() throws {
        guard giveUp >= 0, giveUp <= 86_400 else { throw ValidationError("--give-up is from 0 to 86400 seconds") }
        if data != nil, reason != nil { throw ValidationError("--reason is a part of the data: give one of the two") }
        if approve != nil, deny != nil { throw ValidationError("an answer is a yes or a no: give --approve or --deny") }
        if name != "answer", approve ?? deny != nil {
            throw ValidationError("--approve and --deny are for the command answer")
        }
        _ = try body()
    }

    /// The command as one of the protocol; what is wrong with it is said before anything is sent.
    private func body() throws -> CommandBody {
        var members: JSONObject = ["name": .string(name)]
        members["run_id"] = runID.map { .string($0.rawValue) }
        members["as_of"] = asOf.map { .string($0) }
        if let reason { members["data"] = ["reason": .string(reason)] }
        if let data {
            do throws(WireError) {
                members["data"] = try JSONValue(parsing: Array(data.utf8))
            } catch {
                throw ValidationError("--data is no JSON: \(error.message)")
            }
        }
        if let approval = approve ?? deny {
            var answer: JSONObject = [
                "approval_id": .string(approval.rawValue), "decision": approve == nil ? "denied" : "approved",
            ]
            answer["data"] = members["data"]
            members["data"] = .object(answer)
        }
        do throws(ProtocolError) {
            return try CommandBody.decode(JSONValue.object(members).encoded())
        } catch {
            throw ValidationError(error.message)
        }
    }

    @concurrent
    func run() async throws {
        let body = try body()
        try await ClientFailure.reported {
            let answer = try await stream.client.command(body, thread: thread, key: key, timeout: .seconds(giveUp))
            try StandardOutput.write(answer.body(in: thread).encoded())
        }
    }
}
