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

        /// As a snapshot has it.
        var byteCount: Int
    }

    /// The most bytes of a snapshot, of which the newest messages are kept: clients take no frame over 10 MB.
    static let maximumByteCount = 4 * 1024 * 1024

    private var list: [Message] = []
    private var byteCount = 0
    /// The number of messages that came before those in the list and were dropped.
    private var droppedCount = 0
    /// Messages that still grow, by their number.
    private var growing: [String: Int] = [:]
    private let maximumByteCount: Int

    init(maximumByteCount: Int = Self.maximumByteCount) { self.maximumByteCount = maximumByteCount }

    mutating func addUserMessage(_ id: String, _ text: String) {
        append(id, nil, nil, .text(.user, text))
    }

    mutating func append(_ text: String, to id: String, of run: RunID, subagent: RunID?) {
        guard let number = growing[id] else {
            growing[id] = droppedCount + list.count
            return append(id, run, subagent, .text(.assistant, text))
        }
        let place = number - droppedCount
        guard case .text(let role, var whole) = list[place].content else { return }
        // The text has one owner while it grows: it is not copied.
        list[place].content = .text(role, "")
        whole += text
        list[place].content = .text(role, whole)
        grow(place, by: EncodedSize.text(text))
    }

    mutating func complete(_ id: String, _ role: MessageRole, _ text: String, of run: RunID, subagent: RunID?) {
        guard let number = growing.removeValue(forKey: id) else {
            return append(id, run, subagent, .text(role, text))
        }
        let place = number - droppedCount
        list[place].content = .text(role, text)
        grow(place, by: EncodedSize.message(id: id) + EncodedSize.text(text) - list[place].byteCount)
    }

    mutating func addCall(_ id: String, _ tool: ToolName, arguments: String, of run: RunID, subagent: RunID?) {
        append(id, run, subagent, .call(tool, arguments: arguments))
    }

    mutating func addResult(ofCall call: String, _ text: String, error: String?, of run: RunID, subagent: RunID?) {
        append(StreamNames.result(ofCall: call), run, subagent, .result(call: call, text, error: error))
    }

    /// Leaves a run out, with everything in it.
    mutating func discard(_ run: RunID) {
        list.removeAll { $0.run == run }
        byteCount = list.reduce(0) { $0 + $1.byteCount }
        // Those that stay have other places.
        var places: [String: Int] = [:]
        for (place, message) in list.enumerated() where growing[message.id] != nil {
            places[message.id] = droppedCount + place
        }
        growing = places
    }

    private mutating func append(_ id: String, _ run: RunID?, _ subagent: RunID?, _ content: Content) {
        let textByteCount =
            switch content {
            case .text(_, let text): EncodedSize.text(text)
            case .call(let tool, let arguments): EncodedSize.text(tool.rawValue) + EncodedSize.text(arguments)
            case .result(_, let text, let error): EncodedSize.text(text) + EncodedSize.text(error ?? "")
            }
        list.append(Message(id: id, run: run, subagent: subagent, content: content, byteCount: 0))
        grow(list.count - 1, by: EncodedSize.message(id: id) + textByteCount)
    }

    /// With too much, half of it goes at once: so that a thread that stays full does not move its messages with each event.
    private mutating func grow(_ place: Int, by count: Int) {
        list[place].byteCount += count
        byteCount += count
        guard byteCount > maximumByteCount, list.count > 1 else { return }
        var count = 0
        while byteCount > maximumByteCount / 2, count < list.count - 1 {
            byteCount -= list[count].byteCount
            growing[list[count].id] = nil
            count += 1
        }
        list.removeFirst(count)
        droppedCount += count
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
