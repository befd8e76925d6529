public import AgentEvents

/// The answer to a command: the op `accepted` of the stream, and the body of an HTTP answer.
public struct CommandAnswer: Hashable, Sendable {
    /// The command's name.
    public var name: String
    public var outcome: CommandReceipt.Outcome
    /// The events that it made, in their order.
    public var cursors: [Cursor]
    /// The run that it was for, or that it began, when it was one.
    public var runID: RunID?
    /// The message that it was.
    public var messageID: MessageID?
    /// The state that it met; `nil` when that is not told.
    public var details: CommandDetails?

    public init(
        name: String,
        outcome: CommandReceipt.Outcome,
        cursors: [Cursor] = [],
        runID: RunID? = nil,
        messageID: MessageID? = nil,
        details: CommandDetails? = nil
    ) {
        self.name = name
        self.outcome = outcome
        self.cursors = cursors
        self.runID = runID
        self.messageID = messageID
        self.details = details
    }
}

extension CommandAnswer {
    /// The members in the order of the protocol, without `op`, `req` and `thread_id`.
    package var members: [(String, JSONValue?)] {
        [
            ("name", .string(name)),
            ("outcome", .string(outcome.rawValue)),
            ("cursors", .array(cursors.map { $0.json })),
            ("run_id", runID?.json),
            ("message_id", messageID?.json),
            ("details", details?.json),
        ]
    }

    /// The body of an HTTP answer.
    package func body(in thread: ThreadID) -> JSONValue {
        .object(JSONObject(present: [("thread_id", thread.json)] + members))
    }

    /// - Throws: ``WireError`` with the path to the fault.
    package init(_ members: inout MemberReader) throws(WireError) {
        let name = try members.word("name")
        let word = try members.word("outcome")
        guard let outcome = CommandReceipt.Outcome(rawValue: word) else {
            throw members.invalid("outcome", "outcome is done, unchanged or repeated")
        }
        self.init(
            name: name, outcome: outcome, cursors: try members.cursors("cursors"),
            runID: try members.identifierIfPresent("run_id"), messageID: try members.identifierIfPresent("message_id"),
            details: members.takePresent("details").map { CommandDetails($0) })
    }
}

extension CommandDetails {
    /// As it stands on the wire: the members of the one run that the command was for, or a list of them.
    package var json: JSONValue {
        var members: [(String, JSONValue?)] = []
        if let value {
            members = value.members
        } else if runs.count == 1, let run = runs.first {
            members = run.members
        } else {
            members.append(("runs", .array(runs.map { $0.json })))
        }
        if !left.isEmpty { members.append(("left", .array(left.map { $0.json }))) }
        if isCursorUnknown { members.append(("as_of", "unknown")) }
        if let resolution {
            members += [
                ("decision", .string(resolution.decision.rawValue)), ("by", resolution.by?.json),
                ("cursor", resolution.cursor.json),
            ]
        }
        return .object(JSONObject(present: members))
    }

    /// Reads what is known of it; the rest is passed over.
    package init(_ json: JSONValue) {
        let members = json.objectValue ?? [:]
        let runs = members["runs"]?.arrayValue?.compactMap { Run($0) } ?? Run(json).map { [$0] } ?? []
        self.init(
            runs: runs, left: members["left"]?.arrayValue?.compactMap { Run($0) } ?? [],
            isCursorUnknown: members["as_of"]?.stringValue == "unknown", resolution: Resolution(members),
            value: Value(members))
    }
}

extension CommandDetails.Resolution {
    /// - Returns: `nil` without a decision that is known.
    fileprivate init?(_ members: JSONObject) {
        guard let decision = members["decision"]?.stringValue.flatMap({ ApprovalDecision(rawValue: $0) }),
            let cursor = members["cursor"]?.stringValue.flatMap({ Cursor($0) })
        else { return nil }
        self.init(decision: decision, by: members["by"]?.stringValue.flatMap { try? UserID($0) }, cursor: cursor)
    }
}

extension CommandDetails.Value {
    fileprivate var members: [(String, JSONValue?)] {
        [
            ("version", .integer(version)), ("value", value), ("by", by?.json),
            ("time", time.map { .string($0.rfc3339) }),
        ]
    }

    /// - Returns: `nil` without a version.
    fileprivate init?(_ members: JSONObject) {
        guard let version = members["version"]?.integerValue else { return nil }
        self.init(
            version: version, value: members["value"],
            by: members["by"]?.stringValue.flatMap { try? UserID($0) },
            time: members["time"]?.stringValue.flatMap { Timestamp(rfc3339: $0) })
    }
}

extension CommandDetails.Run {
    fileprivate var json: JSONValue { .object(JSONObject(present: members)) }

    fileprivate var members: [(String, JSONValue?)] {
        [
            ("run_id", runID.json),
            ("status", status.map { .string($0.rawValue) }),
            ("since", since.map { $0.json }),
            ("waiting_for", waitingFor.isEmpty ? nil : .array(waitingFor.map { $0.json })),
        ]
    }

    /// - Returns: `nil` without the id of a run.
    fileprivate init?(_ json: JSONValue) {
        guard let run = json["run_id"]?.stringValue.flatMap({ try? RunID($0) }) else { return nil }
        self.init(
            runID: run, status: json["status"]?.stringValue.flatMap { CommandDetails.Status(rawValue: $0) },
            since: json["since"]?.stringValue.flatMap { Cursor($0) },
            waitingFor: json["waiting_for"]?.arrayValue?.compactMap { $0.stringValue.flatMap { try? ApprovalID($0) } }
                ?? [])
    }
}
