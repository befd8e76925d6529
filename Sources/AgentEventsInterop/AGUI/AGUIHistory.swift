import AgentEvents
import AgentEventsProtocol

/// The messages of a thread as a client of AG-UI has them: a fold of its events. A snapshot replaces all that the client has, so it
/// has the ids that the stream gives.
struct AGUIHistory: Hashable, Sendable {
    fileprivate enum Content: Hashable, Sendable {
        case text(MessageRole, String)
        case call(ToolName, arguments: String)
        case result(call: String, String, error: String?)
    }

    fileprivate struct Message: Hashable, Sendable {
        let id: String
        /// `nil` for a message of the thread.
        let run: RunID?
        /// The run as AG-UI names it, when it is a child.
        let subagent: RunID?
        var content: Content

        var byteCount: Int {
            switch content {
            case .text(_, let text): text.utf8.count
            case .call(_, let arguments): arguments.utf8.count
            case .result(_, let text, error: let error): text.utf8.count + (error?.utf8.count ?? 0)
            }
        }
    }

    /// The most bytes of the texts in a snapshot, of which the newest are kept: clients take no frame over 10 MB.
    static let maximumByteCount = 4 * 1024 * 1024

    private var list: [Message] = []
    private var byteCount = 0
    /// The places of messages that still grow.
    private var growing: [String: Int] = [:]
    private let maximumByteCount: Int

    init(maximumByteCount: Int = Self.maximumByteCount) { self.maximumByteCount = maximumByteCount }

    mutating func addUserMessage(_ id: String, _ text: String) {
        append(Message(id: id, run: nil, subagent: nil, content: .text(.user, text)))
    }

    mutating func append(_ text: String, to id: String, of run: RunID, subagent: RunID?) {
        if let place = growing[id] {
            guard case .text(let role, var whole) = list[place].content else { return }
            list[place].content = .text(role, "")
            whole += text
            list[place].content = .text(role, whole)
            byteCount += text.utf8.count
            trim()
        } else {
            growing[id] = list.count
            append(Message(id: id, run: run, subagent: subagent, content: .text(.assistant, text)))
        }
    }

    mutating func complete(_ id: String, _ role: MessageRole, _ text: String, of run: RunID, subagent: RunID?) {
        guard let place = growing.removeValue(forKey: id) else {
            return append(Message(id: id, run: run, subagent: subagent, content: .text(role, text)))
        }
        byteCount += text.utf8.count - list[place].byteCount
        list[place].content = .text(role, text)
        trim()
    }

    mutating func addCall(_ id: String, _ tool: ToolName, arguments: String, of run: RunID, subagent: RunID?) {
        append(Message(id: id, run: run, subagent: subagent, content: .call(tool, arguments: arguments)))
    }

    mutating func addResult(ofCall call: String, _ text: String, error: String?, of run: RunID, subagent: RunID?) {
        append(
            Message(
                id: StreamNames.result(ofCall: call), run: run, subagent: subagent,
                content: .result(call: call, text, error: error)))
    }

    /// Leaves a run out, with everything in it.
    mutating func discard(_ run: RunID) {
        list.removeAll { $0.run == run }
        recount()
    }

    private mutating func append(_ message: Message) {
        list.append(message)
        byteCount += message.byteCount
        trim()
    }

    private mutating func trim() {
        guard byteCount > maximumByteCount, list.count > 1 else { return }
        var dropped = 0
        var rest = byteCount
        while rest > maximumByteCount, dropped < list.count - 1 {
            rest -= list[dropped].byteCount
            dropped += 1
        }
        list.removeFirst(dropped)
        recount()
    }

    /// Messages have gone: those that stay have other places.
    private mutating func recount() {
        byteCount = list.reduce(0) { $0 + $1.byteCount }
        var places: [String: Int] = [:]
        for (place, message) in list.enumerated() where growing[message.id] != nil { places[message.id] = place }
        growing = places
    }

    // MARK: On the wire

    /// - Parameter dialect: says if children have a name in it.
    func messages(_ dialect: AGUIDialect) -> JSONValue { .array(list.map { $0.json(dialect) }) }
}

extension AGUIHistory.Message {
    fileprivate func json(_ dialect: AGUIDialect) -> JSONValue {
        var json: JSONObject = ["id": .string(id)]
        switch content {
        case .text(let role, let text):
            json["role"] = .string(AGUIRole.name(of: role))
            json["content"] = .string(text)
        case .call(let tool, let arguments):
            let function: JSONValue = ["name": .string(tool.rawValue), "arguments": .string(arguments)]
            json["role"] = "assistant"
            json["toolCalls"] = [["id": .string(id), "type": "function", "function": function]]
        case .result(let call, let text, let error):
            json["role"] = "tool"
            json["toolCallId"] = .string(call)
            json["content"] = .string(text)
            json["error"] = error.map { .string($0) }
        }
        if dialect == .version1 { json["subagentRunId"] = subagent?.json }
        return .object(json)
    }
}

enum AGUIRole {
    /// A message of the role `tool` answers a call in AG-UI; text of an agent that has it is the assistant's.
    static func name(of role: MessageRole) -> String {
        switch role {
        case .assistant, .tool: "assistant"
        case .user: "user"
        case .system: "system"
        }
    }
}
