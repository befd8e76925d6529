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
        /// The run without a parent that it belongs to; `nil` for a message of the thread.
        let root: RunID?
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
    /// Messages of users, by their number.
    private var asked: [String: Int] = [:]
    /// Open runs without a parent that are left out.
    private var leftOut: Set<RunID> = []
    /// For a run that was done again, by its id, the last one that did.
    private var redone: [RunID: RunID] = [:]
    private let maximumByteCount: Int

    init(maximumByteCount: Int = Self.maximumByteCount) { self.maximumByteCount = maximumByteCount }

    /// Adds a message of a user, unless it is there already: clients that ask again send it again.
    ///
    /// - Parameters:
    ///   - id: as its client names it. Another client may give the same id to another text.
    ///   - ownID: its id for that case, which no other message has; `nil` for the same.
    /// - Returns: the id that it has; `nil` when it was there.
    @discardableResult
    mutating func addUserMessage(_ id: String, _ text: String, ownID: String? = nil) -> String? {
        var id = id
        if let number = asked[id] {
            guard let ownID, list[number - droppedCount].content != .text(.user, text), asked[ownID] == nil else {
                return nil
            }
            id = ownID
        }
        asked[id] = droppedCount + list.count
        append(id, nil, nil, .text(.user, text))
        return id
    }

    mutating func append(_ text: String, to id: String, of root: RunID, subagent: RunID?) {
        guard !leftOut.contains(root) else { return }
        guard let number = growing[id] else {
            growing[id] = droppedCount + list.count
            return append(id, root, subagent, .text(.assistant, text))
        }
        let place = number - droppedCount
        guard case .text(let role, var whole) = list[place].content else { return }
        // The text has one owner while it grows: it is not copied.
        list[place].content = .text(role, "")
        whole += text
        list[place].content = .text(role, whole)
        grow(place, by: EncodedSize.text(text))
    }

    mutating func complete(_ id: String, _ role: MessageRole, _ text: String, of root: RunID, subagent: RunID?) {
        guard let number = growing.removeValue(forKey: id) else {
            return append(id, root, subagent, .text(role, text))
        }
        let place = number - droppedCount
        list[place].content = .text(role, text)
        grow(place, by: EncodedSize.message(id: id) + EncodedSize.text(text) - list[place].byteCount)
    }

    mutating func addCall(_ id: String, _ tool: ToolName, arguments: String, of root: RunID, subagent: RunID?) {
        append(id, root, subagent, .call(tool, arguments: arguments))
    }

    mutating func addResult(ofCall call: String, _ text: String, error: String?, of root: RunID, subagent: RunID?) {
        append(StreamNames.result(ofCall: call), root, subagent, .result(call: call, text, error: error))
    }

    /// Leaves a run out, with everything in it and in those below it.
    ///
    /// - Parameter isOpen: whether there may be more of it to leave out, until its ``end(_:)``.
    mutating func discard(_ run: RunID, isOpen: Bool = false) {
        if isOpen { leftOut.insert(run) }
        list.removeAll { $0.root == run || $0.subagent == run }
        byteCount = list.reduce(0) { $0 + $1.byteCount }
        // Those that stay have other places.
        var (texts, users): ([String: Int], [String: Int]) = ([:], [:])
        for (place, message) in list.enumerated() {
            if growing[message.id] != nil { texts[message.id] = droppedCount + place }
            if message.root == nil { users[message.id] = droppedCount + place }
        }
        (growing, asked) = (texts, users)
    }

    /// A run does another one again, whose messages give way to its own.
    ///
    /// - Parameter retried: the first one with that answer, or the last.
    mutating func redo(_ retried: RunID, by run: RunID, isOpen: (RunID) -> Bool) {
        let first = redone.first { $0.value == retried }?.key ?? retried
        let last = redone.updateValue(run, forKey: first) ?? retried
        for old in [retried, last] { discard(old, isOpen: isOpen(old)) }
    }

    /// A run has ended.
    mutating func end(_ run: RunID) { leftOut.remove(run) }

    private mutating func append(_ id: String, _ root: RunID?, _ subagent: RunID?, _ content: Content) {
        if let root, leftOut.contains(root) { return }
        let textByteCount =
            switch content {
            case .text(_, let text): EncodedSize.text(text)
            case .call(let tool, let arguments): EncodedSize.text(tool.rawValue) + EncodedSize.text(arguments)
            case .result(_, let text, let error): EncodedSize.text(text) + EncodedSize.text(error ?? "")
            }
        list.append(Message(id: id, root: root, subagent: subagent, content: content, byteCount: 0))
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
            if list[count].root == nil { asked[list[count].id] = nil }
            count += 1
        }
        list.removeFirst(count)
        droppedCount += count
        guard !redone.isEmpty else { return }
        let roots = Set(list.compactMap(\.root))
        redone = redone.filter { roots.contains($0.value) }
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
