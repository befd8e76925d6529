import AgentEvents

/// The rights of a principal in one thread.
///
/// There is no default: an ``Authorizer`` names each right, and answers with the empty set for a thread that the principal
/// must not know of. The scopes of the credentials (``Scope``) limit the rights in addition.
public struct Rights: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Read its events and its state, and acknowledge them.
    public static let read = Rights(rawValue: 1)
    /// Log events in it, as programs outside do.
    public static let emit = Rights(rawValue: 2)
    /// Send messages and commands to its agents.
    public static let command = Rights(rawValue: 4)
    /// Open it: emit into it, or send a message to its agents, before it has an event.
    public static let open = Rights(rawValue: 8)
}

/// A way to use a thread, with the scope and the rights that it takes.
package enum ThreadUse: Hashable, Sendable, CaseIterable {
    case read
    case emit
    case command

    /// The scope without which no thread can be used like this.
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
