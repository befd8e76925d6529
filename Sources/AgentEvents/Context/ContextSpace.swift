/// The places of values: spaces, each seen as a whole by those who may see it.
public enum ContextSpace: Hashable, Sendable {
    /// The thread's own: everybody who reads the thread sees it, and all agents in it write.
    case thread
    /// The user's, in all their threads: their frontends see and write it, and the agents that they let in.
    case user
    /// One of the user's under a name: as ``user``, and apart from it.
    case `private`(String)
}

extension ContextSpace {
    /// The thread whose shared state a user's space is; a frontend follows it like any thread: `context~u_1`,
    /// `context~u_1~health`.
    ///
    /// - Returns: `nil` for the space of a thread, which is that thread.
    /// - Throws: `IdentifierError` when the ids are too long together, or the name has other characters than an id.
    public func thread(of user: UserID) throws(IdentifierError) -> ThreadID? {
        switch self {
        case .thread: nil
        case .user: try ContextThread(user: user).thread
        case .private(let name): try ContextThread(user: user, name: name).thread
        }
    }
}

/// A thread that exists for the values of a user: `context~<user>` or `context~<user>~<name>`, with `%7E` for a tilde in one of
/// them and `%25` for a percent sign. Only that user owns it.
package struct ContextThread: Hashable, Sendable {
    package var user: UserID
    /// `nil` for the space without a name.
    package var name: String?

    private static let prefix = "context~"

    /// - Parameter name: not empty.
    package init(user: UserID, name: String? = nil) {
        self.user = user
        self.name = name
    }

    /// - Returns: `nil` for another thread.
    package init?(_ thread: ThreadID) {
        guard Self.isReserved(thread) else { return nil }
        let parts = thread.rawValue.dropFirst(Self.prefix.count).split(separator: "~", omittingEmptySubsequences: false)
        guard parts.count <= 2, let user = Self.decoded(parts[0]).flatMap({ try? UserID($0) }) else { return nil }
        self.user = user
        guard parts.count == 2 else { return }
        guard let name = Self.decoded(parts[1]), !name.isEmpty else { return nil }
        self.name = name
    }

    /// `true` for the id of a user's space, and for each id that begins like one.
    package static func isReserved(_ thread: ThreadID) -> Bool { thread.rawValue.utf8.starts(with: prefix.utf8) }

    package var thread: ThreadID {
        get throws(IdentifierError) {
            try ThreadID(Self.prefix + Self.encoded(user.rawValue) + (name.map { "~" + Self.encoded($0) } ?? ""))
        }
    }

    private static func encoded(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "%": result += "%25"
            case "~": result += "%7E"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    /// - Returns: `nil` for a text that ``encoded(_:)`` does not make: each space has one id.
    private static func decoded(_ text: Substring) -> String? {
        var result = ""
        var rest = text
        while let character = rest.popFirst() {
            guard character == "%" else {
                result.append(character)
                continue
            }
            switch rest.prefix(2) {
            case "25": result += "%"
            case "7E": result += "~"
            default: return nil
            }
            rest = rest.dropFirst(2)
        }
        return result
    }
}

/// The use of a space that its user lets an agent make.
public enum ContextAccess: String, Hashable, Sendable, CaseIterable {
    case read
    /// Also to read.
    case write
}

/// The agents that may use a user's space: the value under the key `~access`, `{"agents":{"guide":"write"}}`.
struct ContextAccessList: Hashable, Sendable {
    static let key = ContextChange.reservedPrefix + "access"

    private(set) var agents: [String: ContextAccess] = [:]

    /// Nobody is let in.
    init() {}

    /// - Returns: `nil` for a value that is none: it lets nobody in.
    init?(_ json: JSONValue?) {
        guard let json else { return }
        guard let object = json.objectValue, object.count == 1, let agents = object["agents"]?.objectValue else {
            return nil
        }
        for (name, word) in agents {
            guard let access = word.stringValue.flatMap({ ContextAccess(rawValue: $0) }), (try? AgentName(name)) != nil
            else { return nil }
            self.agents[name] = access
        }
    }

    func access(of agent: AgentName) -> ContextAccess? { agents[agent.rawValue] }

    mutating func set(_ access: ContextAccess?, of agent: AgentName) { agents[agent.rawValue] = access }

    var json: JSONValue {
        let members = agents.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value.rawValue)) }
        return ["agents": .object(JSONObject(uniqueMembers: members))]
    }
}
