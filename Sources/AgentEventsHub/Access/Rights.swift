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
    /// Send messages and commands to its agents. It contains ``approve``.
    public static let command = Rights(rawValue: 4)
    /// Open it: emit into it, or send a message to its agents, before it has an event.
    public static let open = Rights(rawValue: 8)
    /// Answer its agents' requests for approval.
    public static let approve = Rights(rawValue: 16)
    /// Decide who may use it.
    public static let share = Rights(rawValue: 32)

    /// All of them.
    static let all: Rights = [.read, .emit, .command, .open, .approve, .share]

    /// The rights, with those that others contain.
    var complete: Rights { contains(.command) ? union(.approve) : self }
}

extension Rights {
    /// The rights that scopes allow at most.
    init(_ scopes: Set<Scope>) {
        self = scopes.reduce(into: []) { $0.formUnion($1.rights) }
    }
}

extension Scope {
    fileprivate var rights: Rights {
        switch self {
        case .read: .read
        case .emit: .emit
        case .command: [.command, .approve]
        case .open: .open
        case .share: .share
        case .approve: .approve
        // Those are no uses of a thread.
        case .serve, .admin: []
        }
    }
}

/// A way to use a thread, with the rights that it takes.
package enum ThreadUse: Hashable, Sendable, CaseIterable {
    case read
    case emit
    case command
    case approve
    case share

    /// The right without which no thread can be used like this.
    var right: Rights {
        switch self {
        case .read: .read
        case .emit: .emit
        case .command: .command
        case .approve: .approve
        case .share: .share
        }
    }

    /// - Parameters:
    ///   - rights: the complete ones.
    ///   - owner: the user of the thread; `nil` while it has no event.
    func isAllowed(by rights: Rights, owner: UserID?) -> Bool {
        switch self {
        case .read, .approve, .share: rights.contains(right)
        case .emit, .command: rights.contains(owner == nil ? right.union(.open) : right)
        }
    }
}
