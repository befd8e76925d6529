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

    /// Whether the thread is granted by name.
    func includes(_ thread: ThreadID) -> Bool {
        switch self {
        case .own: false
        case .listed(let allowances): allowances.contains { $0.pattern.matches(thread) }
        case .all: true
        }
    }

    /// Whether the threads are named one by one.
    var isList: Bool {
        switch self {
        case .own, .all: false
        case .listed: true
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
}

/// A thread's id, or a prefix of ids with a `*` at the end.
public struct ThreadPattern: Hashable, Sendable, CustomStringConvertible {
    private let text: String

    /// - Parameter text: `t_7`, or `project-*` for all ids that begin with `project-`.
    public init(_ text: String) { self.text = text }

    /// Whether the pattern stands for the thread.
    public func matches(_ thread: ThreadID) -> Bool {
        guard text.utf8.last == UInt8(ascii: "*") else { return text.utf8.elementsEqual(thread.rawValue.utf8) }
        return thread.rawValue.utf8.starts(with: text.utf8.dropLast())
    }

    public var description: String { text }
}
