public import AgentEvents

/// The threads that a principal may use in addition to those that its user opened.
@nonexhaustive
public enum ThreadGrant: Hashable, Sendable {
    /// None.
    case own
    /// Those that match one of the patterns, whichever user opened them.
    case listed([ThreadAllowance])
    /// All.
    case all

    /// The rights that are granted in a thread; the scopes of the credentials limit them. Several grants add up, and none
    /// takes anything away.
    func rights(in thread: ThreadID) -> Rights {
        switch self {
        case .own: []
        case .listed(let allowances):
            allowances.reduce(into: []) { rights, allowance in
                if allowance.pattern.matches(thread) { rights.formUnion(allowance.rights) }
            }
        case .all: .all
        }
    }

    /// The rights that are granted in one thread or another.
    var anyRights: Rights {
        switch self {
        case .own: []
        case .listed(let allowances): allowances.reduce(into: []) { $0.formUnion($1.rights) }
        case .all: .all
        }
    }
}

/// Threads that are granted, and the use of them.
public struct ThreadAllowance: Hashable, Sendable {
    /// The threads.
    public var pattern: ThreadPattern
    /// The scopes that count in them, as far as the credentials have these; `nil` for all.
    public var scopes: Set<Scope>?

    public init(_ pattern: ThreadPattern, scopes: Set<Scope>? = nil) {
        self.pattern = pattern
        self.scopes = scopes
    }

    fileprivate var rights: Rights { scopes.map { Rights($0) } ?? .all }
}

/// A thread's id, or a prefix of ids with a `*` at the end.
///
/// Patterns are compared byte by byte with the id as it is, decoded once: there is no case folding, and a `*` elsewhere stands
/// for itself, which is in no id.
public struct ThreadPattern: Hashable, Sendable, CustomStringConvertible {
    private let text: String

    /// - Parameter text: `t_7`, or `project-*` for all ids that begin with `project-`.
    public init(_ text: String) { self.text = text }

    /// Whether the pattern stands for the thread.
    public func matches(_ thread: ThreadID) -> Bool {
        guard text.utf8.last == UInt8(ascii: "*") else { return text.utf8.elementsEqual(thread.rawValue.utf8) }
        return thread.rawValue.utf8.starts(with: text.utf8.dropLast())
    }

    /// The text with which the ids begin that the pattern stands for; `nil` when it stands for one.
    var prefix: String? { text.utf8.last == UInt8(ascii: "*") ? String(text.dropLast()) : nil }

    public var description: String { text }
}
