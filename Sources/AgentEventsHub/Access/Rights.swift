import AgentEvents

/// The rights of a principal in one thread.
///
/// There is no default: an ``Authorizer`` names each right, and the empty set is the answer for a thread that the principal is
/// not to know of. Whatever it names, the scopes of the credentials limit it (``Scope``).
public struct Rights: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Read its events and its state, and acknowledge them.
    public static let read = Rights(rawValue: 1)
    /// Log events in it, as programs outside do.
    public static let emit = Rights(rawValue: 2)
    /// Send messages and commands to its agents.
    public static let command = Rights(rawValue: 4)
    /// Open it: emit into it, or send a message to its agents, while it has no event yet.
    public static let open = Rights(rawValue: 8)
}

/// One of the things that are done with a thread, and what they take.
package enum ThreadUse: Hashable, Sendable, CaseIterable {
    case read
    case emit
    case command

    /// The scope without which no thread whatever can be used like this.
    var scope: Scope {
        switch self {
        case .read: .read
        case .emit: .emit
        case .command: .command
        }
    }

    /// - Parameter owner: the user of the thread; `nil` while it has no event.
    func isAllowed(by rights: Rights, owner: UserID?) -> Bool {
        switch self {
        case .read: rights.contains(.read)
        case .emit: rights.contains(owner == nil ? [.emit, .open] : .emit)
        case .command: rights.contains(owner == nil ? [.command, .open] : .command)
        }
    }
}
