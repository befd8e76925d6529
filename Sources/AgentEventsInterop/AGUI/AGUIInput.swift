import AgentEvents
package import AgentEventsProtocol

/// The body by which a client of AG-UI starts an agent (`RunAgentInput`).
package struct AGUIInput: Hashable, Sendable {
    /// An answer to a question that was open when the last run ended.
    struct Answer: Hashable, Sendable {
        /// The question, as the interrupt named it.
        let interrupt: String
        let isApproved: Bool
        let data: JSONValue?
    }

    /// A message of a user.
    struct Message: Hashable, Sendable {
        /// As the client names it; `nil` when it does not.
        let id: String?
        let text: String
    }

    /// As the client names them.
    let threadName: String
    let runName: String
    let dialect: AGUIDialect
    /// The last one of a user.
    let message: Message?
    /// False for a client that has a part of the answer already: it lost its stream, and asks for the run again.
    let isMessageLast: Bool
    /// `nil` when there is no member `resume`.
    let answers: [Answer]?

    /// - Throws: ``ProtocolError`` `request.invalid` with the path to the fault.
    package init(_ bytes: [UInt8]) throws(ProtocolError) {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        threadName = try Self.text("threadId", in: json)
        runName = try Self.text("runId", in: json)
        dialect = AGUIDialect(protocolVersion: json["protocolVersion"]?.stringValue)
        guard let messages = json["messages"]?.arrayValue else { throw Self.missing("messages", "a list of messages") }
        let last = messages.last { $0["role"]?.stringValue == "user" }
        message = Self.message(last)
        isMessageLast = messages.last?["role"]?.stringValue == "user"
        switch json["resume"] {
        case nil, .null?: answers = nil
        case let resume?:
            guard let entries = resume.arrayValue else { throw Self.missing("resume", "a list of answers") }
            var list: [Answer] = []
            for entry in entries { list.append(try Self.answer(entry)) }
            answers = list.isEmpty ? nil : list
        }
    }

    private static func missing(_ name: String, _ form: String) -> ProtocolError {
        ProtocolError(.requestInvalid, "the member \(name) is \(form)", path: "$.\(name)")
    }

    private static func text(_ name: String, in json: JSONValue) throws(ProtocolError) -> String {
        guard let text = json[name]?.stringValue, !text.isEmpty else { throw missing(name, "a text that is not empty") }
        return text
    }

    /// - Returns: `nil` for one without a text.
    private static func message(_ json: JSONValue?) -> Message? {
        guard let json else { return nil }
        let text: String
        switch json["content"] {
        case .string(let whole)?: text = whole
        case .array(let parts)?:
            text = parts.compactMap { $0["type"]?.stringValue == "text" ? $0["text"]?.stringValue : nil }
                .joined(separator: "\n")
        case .null?, .bool?, .number?, .unpairedString?, .object?, nil: text = ""
        }
        return text.isEmpty ? nil : Message(id: json["id"]?.stringValue, text: text)
    }

    /// A no is an answer too: `payload.approved` is `false`. One that is cancelled counts as a no.
    private static func answer(_ json: JSONValue) throws(ProtocolError) -> Answer {
        guard let interrupt = json["interruptId"]?.stringValue else {
            throw missing("resume", "a list of answers, each with the interruptId of its question")
        }
        let payload = json["payload"]
        switch json["status"]?.stringValue {
        case "cancelled": return Answer(interrupt: interrupt, isApproved: false, data: nil)
        case "resolved":
            let isApproved = payload?["approved"]?.boolValue ?? true
            return Answer(interrupt: interrupt, isApproved: isApproved, data: isApproved ? data(payload) : nil)
        default: throw missing("resume", "a list of answers, each with the status resolved or cancelled")
        }
    }

    /// The data that a person filled in: the payload without its decision.
    private static func data(_ payload: JSONValue?) -> JSONValue? {
        switch payload {
        case nil, .null?, .bool?: return nil
        case .object(var members)?:
            members["approved"] = nil
            return members.isEmpty ? nil : .object(members)
        case let other?: return other
        }
    }

    /// - Throws: ``ProtocolError`` `request.invalid`.
    var thread: ThreadID { get throws(ProtocolError) { try Self.identifier(threadName, "threadId") } }

    /// The key under which the run is asked for: of one `runId` there is one run, however often it comes.
    var key: IdempotencyKey { get throws(ProtocolError) { try Self.identifier("ag-ui/\(runName)", "runId") } }

    /// The key of one of the answers.
    func key(of answer: Answer) throws(ProtocolError) -> IdempotencyKey {
        let text = "ag-ui/\(runName)/\(answer.interrupt)"
        // A key has at most 256 bytes.
        return try Self.identifier(text.utf8.count <= 256 ? text : String(text.suffix(256)), "runId")
    }

    private static func identifier<Kind: Identifier>(_ text: String, _ name: String) throws(ProtocolError) -> Kind {
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw ProtocolError(.requestInvalid, error.message, path: "$.\(name)")
        }
    }

    /// The data that is kept with the message in the log.
    var messageData: JSONValue {
        var own: JSONObject = [AGUIMember.runID: .string(runName)]
        own[AGUIMember.messageID] = message?.id.map { .string($0) }
        return [AGUIMember.data: .object(own)]
    }
}
