internal import AgentEvents
internal import AgentEventsProtocol
internal import ArgumentParser

// The options of `command` that belong to some commands only. Each group says which of them were given, and makes the data of
// its commands; without any of them, `--data` is all of that.

/// An option that was given, and the commands that it is for.
struct GivenOption {
    let name: String
    private let commands: [CommandWord]
    private let isForOwnCommands: Bool

    /// - Parameters:
    ///   - value: `nil` when the option was not given.
    ///   - isForOwnCommands: whether it is for the commands of an application, too.
    init?(_ name: String, _ value: Any?, _ commands: [CommandWord], isForOwnCommands: Bool = false) {
        guard value != nil else { return nil }
        self.name = name
        self.commands = commands
        self.isForOwnCommands = isForOwnCommands
    }

    /// - Throws: `ValidationError` for a command that the option has no meaning for.
    func check(for command: String) throws {
        if let word = CommandWord(rawValue: command) {
            if commands.contains(word) { return }
        } else if isForOwnCommands || !command.contains(".") {
            // An unknown name is reported by the decoding.
            return
        }
        let words = commands.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("\(name) is for \(words); it has no meaning for \(command)")
    }
}

struct RunOptions: ParsableArguments {
    // An id may begin with a hyphen.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The run that it is for; also for commands of an application and, where two runs ask under one id, for answer. "
                + "Default: all that are open."),
        transform: { text throws in try RunID(text) })
    var run: RunID?

    @Option(
        help: ArgumentHelp(
            "The id of the last event that you saw, such as 3-57: runs that began after it are left alone.",
            valueName: "id"),
        transform: { text in
            guard let cursor = Cursor(text) else {
                throw ValidationError("it is the id of an event, as tail shows it: 3-57")
            }
            return cursor
        })
    var asOf: Cursor?

    @Option(parsing: .unconditional, help: "Why, for people; it stands in the events.")
    var reason: String?

    var given: [GivenOption] {
        [
            GivenOption("--run", run, [.stop, .pause, .resume, .answer], isForOwnCommands: true),
            GivenOption("--as-of", asOf, [.stop, .pause, .resume], isForOwnCommands: true),
            GivenOption("--reason", reason, [.stop, .pause, .resume]),
        ].compactMap { $0 }
    }

    func data(with data: JSONValue?) throws -> JSONValue? {
        guard let reason else { return data }
        guard data == nil else { throw ValidationError("--reason is a part of the data: give one of the two") }
        return ["reason": .string(reason)]
    }
}

struct AnswerOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Approves this request; --data fills in its form.", valueName: "id"),
        transform: { text throws in try ApprovalID(text) })
    var approve: ApprovalID?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Says no to this request for approval.", valueName: "id"),
        transform: { text throws in try ApprovalID(text) })
    var deny: ApprovalID?

    @Flag(help: "The yes counts for a day for later questions about the same tool in the thread, too (see revoke).")
    var always = false

    @Option(
        help: ArgumentHelp("revoke: the tool whose questions are asked again.", valueName: "tool"),
        transform: { text throws in try ToolName(text) })
    var tool: ToolName?

    func validate() throws {
        if approve != nil, deny != nil { throw ValidationError("an answer is a yes or a no: give --approve or --deny") }
        if always, approve == nil {
            throw ValidationError("--always goes with --approve: it has a yes count for later questions")
        }
    }

    var given: [GivenOption] {
        [
            GivenOption("--approve", approve, [.answer]), GivenOption("--deny", deny, [.answer]),
            GivenOption("--always", always ? true : nil, [.answer]), GivenOption("--tool", tool, [.revoke]),
        ].compactMap { $0 }
    }

    func data(with data: JSONValue?) throws -> JSONValue? {
        guard let approval = approve ?? deny else {
            guard data == nil else { return data }
            throw ValidationError(
                "an answer has --approve ID or --deny ID: the id that tail shows with approval_requested")
        }
        var members: JSONObject = [
            "approval_id": .string(approval.rawValue), "decision": approve == nil ? "denied" : "approved",
        ]
        members["data"] = data
        if always { members["grant"] = ApprovalGrant().json }
        return .object(members)
    }

    func revocation(with data: JSONValue?) throws -> JSONValue? {
        guard let tool else { return data }
        guard data == nil else { throw ValidationError("--tool is the data of revoke: give one of the two") }
        return ["tool": .string(tool.rawValue)]
    }
}

struct RequestOptions: ParsableArguments {
    @Option(parsing: .unconditional, help: "message: what you write; --data is then the further data of the message.")
    var text: String?

    @Option(
        help: "The agent that answers. Default: the first one of the service.",
        transform: { text throws in try AgentName(text) })
    var agent: AgentName?

    @Option(
        help: ArgumentHelp(
            "What is done when the thread is busy. queue: the run waits; reject: nothing; supersede: the runs under way end; "
                + "rollback: the same, and readers leave them out; parallel: it starts beside them; steer: the run under way "
                + "gets the message. Default: as the agent or the service says.",
            valueName: "policy"))
    var policy: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("message: the message in whose place it stands: an edit.", valueName: "message id"),
        transform: { text throws in try MessageID(text) })
    var replaces: MessageID?

    @Flag(help: "message: it is a no to what the run asks that it is given to (--policy steer).")
    var answersApproval = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("start: the run that is done again, for the same message.", valueName: "run id"),
        transform: { text throws in try RunID(text) })
    var retryOf: RunID?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("start: what the agent gets instead of a message.", valueName: "json"))
    var input: String?

    var given: [GivenOption] {
        [
            GivenOption("--text", text, [.message]), GivenOption("--agent", agent, [.message, .start]),
            GivenOption("--policy", policy, [.message, .start]), GivenOption("--replaces", replaces, [.message]),
            GivenOption("--answers-approval", answersApproval ? true : nil, [.message]),
            GivenOption("--retry-of", retryOf, [.start]), GivenOption("--input", input, [.start]),
        ].compactMap { $0 }
    }

    func message(with data: JSONValue?) throws -> JSONValue? {
        guard let text else {
            guard data == nil || !given.isEmpty else { return data }
            throw ValidationError("a message has --text: what you write")
        }
        var members: JSONObject = ["text": .string(text)]
        members["agent"] = agent.map { .string($0.rawValue) }
        members["data"] = data
        members["policy"] = policy.map { .string($0) }
        members["replaces"] = replaces.map { .string($0.rawValue) }
        if answersApproval { members["answers_approval"] = true }
        return .object(members)
    }

    func start(with data: JSONValue?) throws -> JSONValue? {
        guard let first = given.first else { return data }
        guard data == nil else {
            throw ValidationError(
                "--data is all of the data of start, and \(first.name) a part of it: give one of the two")
        }
        var members: JSONObject = [:]
        members["agent"] = agent.map { .string($0.rawValue) }
        members["input"] = try input.map { try CommandCommand.json($0, of: "--input") }
        members["policy"] = policy.map { .string($0) }
        members["retry_of"] = retryOf.map { .string($0.rawValue) }
        return .object(members)
    }
}

struct ValueOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The key of the value; --data is the value itself, as JSON.", valueName: "key"))
    var entry: String?

    @Option(
        help: ArgumentHelp(
            "set: after how many seconds the value is removed. Default: it stays.", valueName: "seconds"))
    var ttl: Double?

    @Option(
        help: ArgumentHelp(
            "Only if the value has this version; 0 for one that is not there.", valueName: "version"))
    var ifVersion: Int64?

    var given: [GivenOption] {
        [
            GivenOption("--entry", entry, [.set, .remove]), GivenOption("--ttl", ttl, [.set]),
            GivenOption("--if-version", ifVersion, [.set, .remove]),
        ].compactMap { $0 }
    }

    private static let longestTime = 366.0 * 86_400

    func validate() throws {
        if let ttl, !(ttl >= 0.001 && ttl <= Self.longestTime) {
            throw ValidationError("--ttl is from 0.001 to \(Int(Self.longestTime)) seconds")
        }
    }

    func setting(with data: JSONValue?) throws -> JSONValue? {
        guard let entry else { return try removal(with: data) }
        guard let data else { throw ValidationError("a value is given with --data, as JSON") }
        var members: JSONObject = ["key": .string(entry), "value": data]
        members["ttl_ms"] = ttl.map { .integer(Int64(($0 * 1000).rounded())) }
        members["if_version"] = ifVersion.map { .integer($0) }
        return .object(members)
    }

    func removal(with data: JSONValue?) throws -> JSONValue? {
        guard let entry else {
            guard given.isEmpty, data != nil else { throw ValidationError("a value is named with --entry") }
            return data
        }
        guard data == nil else { throw ValidationError("what is removed is named with --entry: leave --data out") }
        var members: JSONObject = ["key": .string(entry)]
        members["if_version"] = ifVersion.map { .integer($0) }
        return .object(members)
    }
}
