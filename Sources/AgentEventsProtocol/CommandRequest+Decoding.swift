import AgentEvents

extension CommandRequest {
    /// - Throws: ``ProtocolError`` with the path to the fault.
    init(_ members: inout MemberReader) throws(ProtocolError) {
        let thread: ThreadID
        let key: IdempotencyKey?
        do throws(WireError) {
            thread = try members.threadID()
            key = try members.identifierIfPresent("key")
        } catch {
            throw ProtocolError(member: error)
        }
        let body = try CommandBody(&members)
        guard let key else { throw CommandBody.keyMissing("the member key", path: "$.key") }
        self.init(thread: thread, key: key, body)
    }
}

extension CommandBody {
    /// The refusal of a command that nobody could repeat.
    ///
    /// - Parameter place: where the key belongs, in words.
    package static func keyMissing(_ place: String, path: String?) -> ProtocolError {
        ProtocolError(
            .commandKeyMissing,
            "a command has a key in \(place), new for each command and the same when it is sent again: so it is carried out "
                + "once, whatever becomes of the connection",
            path: path)
    }

    /// Reads the body of an HTTP request.
    ///
    /// - Throws: ``ProtocolError`` with the path to the fault.
    package static func decode(_ bytes: [UInt8]) throws(ProtocolError) -> CommandBody {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        guard let object = json.objectValue else {
            throw ProtocolError(.messageInvalid, "the body is a JSON object with the member name", path: "$")
        }
        try object.checkNames(
            of: "a command", known: members,
            elsewhere: [
                "key": "the key stands in the header Idempotency-Key",
                "thread_id": "the thread stands in the path of the request",
                "by": byIsStamped, "user_id": byIsStamped,
            ])
        var reader = MemberReader(object, path: "$")
        return try CommandBody(&reader)
    }

    private static let byIsStamped = "the service knows from the credentials of the request who gives it"

    /// - Throws: ``ProtocolError`` with the path to the fault.
    init(_ members: inout MemberReader) throws(ProtocolError) {
        let name: String
        let asOf: String?
        do throws(WireError) {
            name = try members.word("name")
            run = try members.identifierIfPresent("run_id")
            asOf = try members.wordIfPresent("as_of")
        } catch {
            throw ProtocolError(member: error)
        }
        self.asOf = try asOf.map { text throws(ProtocolError) in
            guard let cursor = Cursor(text) else {
                throw ProtocolError(
                    .cursorInvalid,
                    "that is no cursor: as_of is the id of the last event that the sender has seen, such as 3-42",
                    path: "$.as_of")
            }
            return cursor
        }
        let data = members.takePresent("data")
        if let word = CommandWord(rawValue: name) {
            kind = try Self.kind(word, data)
            if word == .revoke, run != nil {
                throw ProtocolError(
                    .commandInvalid, "a grant is one of the thread: leave run_id out, and name the tool in data",
                    path: "$.run_id")
            }
            if word == .set || word == .remove, run != nil {
                throw ProtocolError(
                    .commandInvalid, "a value is one of the thread's context: leave run_id out", path: "$.run_id")
            }
            if word == .start || word == .message, run != nil {
                throw ProtocolError(
                    .commandInvalid,
                    "\(word.rawValue) is for no run that is there: leave run_id out; the policy steer gives a message to the "
                        + "run under way", path: "$.run_id")
            }
        } else {
            kind = .run(.custom(try Self.customName(name), value: data ?? .null), reason: nil)
        }
    }

    private static func customName(_ name: String) throws(ProtocolError) -> CommandName {
        guard name.contains(".") else {
            throw ProtocolError(
                .commandUnknown,
                "there is no command of that name; there are: \(CommandWord.known), and those of an application, with a dot "
                    + "in the name",
                path: "$.name")
        }
        do throws(IdentifierError) {
            return try CommandName(name)
        } catch {
            throw ProtocolError(.commandInvalid, error.message, path: "$.name")
        }
    }

    private static func kind(_ word: CommandWord, _ data: JSONValue?) throws(ProtocolError) -> Kind {
        guard let object = (data ?? .object([:])).objectValue else {
            throw ProtocolError(.commandInvalid, "the data of \(word.rawValue) is an object", path: "$.data")
        }
        for name in object.keys where !word.dataMembers.contains(name) {
            let problem = NearestName.problem(
                name, kind: "member", of: "the data of \(word.rawValue)", known: word.dataMembers)
            throw ProtocolError(.commandInvalid, problem, path: "$.data" + WireError.component(name))
        }
        var members = MemberReader(object, path: "$.data")
        do throws(WireError) {
            switch word {
            case .stop: return .run(.stop, reason: try members.textIfPresent("reason"))
            case .pause: return .run(.pause, reason: try members.textIfPresent("reason"))
            case .resume: return .run(.resume, reason: try members.textIfPresent("reason"))
            case .answer:
                return .answer(
                    AnswerCommand(
                        try members.identifier("approval_id"), isApproved: try members.isApproved(),
                        data: members.takePresent("data"), grant: try members.grant()))
            case .start:
                return .start(
                    StartCommand(
                        agent: try members.nameIfPresent("agent"), input: members.takePresent("input"),
                        policy: try members.policy(),
                        retryOf: try members.identifierIfPresent("retry_of"), trace: members.trace()))
            case .message:
                let text = try members.text("text")
                guard !text.isEmpty else { throw members.invalid("text", "the text of a message is not empty") }
                let message = MessageCommand(
                    text: text, agent: try members.nameIfPresent("agent"), data: members.takePresent("data"),
                    policy: try members.policy(), replaces: try members.identifierIfPresent("replaces"),
                    answersApproval: try members.boolIfPresent("answers_approval") ?? false, trace: members.trace())
                try members.checkAnswers(message.answersApproval, policy: message.policy)
                return .message(message)
            case .revoke:
                return .revoke(try members.name("tool"))
            case .set:
                let key = try members.valueKey()
                let value = try members.required("value")
                let range = 1...Int64(clamping: ContextLimits.maximumTimeToLive.wholeMilliseconds)
                let timeToLive = try members.integerIfPresent("ttl_ms", in: range)
                return .value(
                    ContextChange(
                        .set(value, timeToLive: timeToLive.map { .milliseconds($0) }), of: key,
                        ifVersion: try members.integerIfPresent("if_version", in: 0...Int64.max)))
            case .remove:
                return .value(
                    ContextChange(
                        .remove, of: try members.valueKey(),
                        ifVersion: try members.integerIfPresent("if_version", in: 0...Int64.max)))
            }
        } catch {
            throw ProtocolError(.commandInvalid, error.problem, path: error.path)
        }
    }
}

extension MemberReader {
    fileprivate mutating func grant() throws(WireError) -> ApprovalGrant? {
        guard let json = takePresent("grant") else { return nil }
        return try ApprovalGrant(json, path: "$.data.grant")
    }

    /// The key of a value of a context.
    fileprivate mutating func valueKey() throws(WireError) -> String {
        let key = try text("key")
        guard !key.isEmpty, key.utf8.count <= ContextLimits.keyByteCount else {
            throw invalid("key", "the key of a value has 1 to \(ContextLimits.keyByteCount) bytes")
        }
        return key
    }

    fileprivate mutating func isApproved() throws(WireError) -> Bool {
        guard object["decision"] != nil else { throw missingDecision }
        switch try word("decision") {
        case ApprovalDecision.approved.rawValue: return true
        case ApprovalDecision.denied.rawValue: return false
        case let other:
            throw invalid("decision", "a person's decision is approved or denied, this one is \(other)")
        }
    }

    private var missingDecision: WireError {
        WireError(
            .missingField, path: "$.data.decision", "the member decision is missing: approved or denied")
    }

    fileprivate mutating func policy() throws(WireError) -> ConcurrencyPolicy? {
        guard let word = try wordIfPresent("policy") else { return nil }
        guard let policy = ConcurrencyPolicy(rawValue: word) else {
            let words = ConcurrencyPolicy.allCases.map(\.rawValue)
            throw invalid("policy", "policy is one of: \(words.joined(separator: ", "))")
        }
        return policy
    }
}
