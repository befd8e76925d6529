public import AgentEvents

/// The user that makes a request, and the limits of the credentials. The rights in a thread come from an ``Authorizer``.
public struct Principal: Hashable, Sendable {
    /// The user.
    public var user: UserID
    /// The kinds of use that the credentials allow.
    public var scopes: Set<Scope> {
        didSet { scopeRights = Rights(scopes) }
    }
    /// The threads that the user may use in addition to their own.
    public var threads: ThreadGrant
    /// Whether the credentials reach no thread but those, not even the user's own.
    public var isLimitedToThreads: Bool
    /// The users for whom the principal may emit, apart from its own. With any of them, its own user among others, it is a
    /// backend, and chooses the ids of the threads that it opens.
    public var actsAs: UserGrant
    /// The groups that the user is in, by the credentials; they may be members of threads.
    public var groups: Set<GroupID> = []
    /// When the credentials expire; `nil` when they do not.
    public var expiresAt: Timestamp?
    /// The token that the credentials are; `nil` when they are something else.
    public var token: TokenIdentity?
    /// Tells the key that the token was made with from another one of the same name; `nil` for keys that never change.
    package var keyFingerprint: [UInt8]?
    /// The rights that the scopes allow at most: looked at with each request, and so not computed with each.
    private var scopeRights: Rights

    public init(
        user: UserID,
        scopes: Set<Scope> = [.read, .command, .open],
        threads: ThreadGrant = .own,
        isLimitedToThreads: Bool = false,
        actsAs: UserGrant = .nobody,
        expiresAt: Timestamp? = nil,
        token: TokenIdentity? = nil
    ) {
        self.user = user
        self.scopes = scopes
        scopeRights = Rights(scopes)
        self.threads = threads
        self.isLimitedToThreads = isLimitedToThreads
        self.actsAs = actsAs
        self.expiresAt = expiresAt
        self.token = token
    }
}

/// The bounds of credentials, whatever an ``Authorizer`` says.
extension Principal {
    /// The rights that the credentials allow in a thread at most.
    func limit(in thread: ThreadID) -> Rights {
        isLimitedToThreads ? scopeLimit.intersection(threads.rights(in: thread)) : scopeLimit
    }

    /// Whether the credentials allow to use any thread whatever like this.
    package func mayAnywhere(_ use: ThreadUse) -> Bool { reach.contains(use.right) }

    /// Whether the credentials allow to open any thread whatever by a message.
    var mayOpenAnywhere: Bool { reach.contains([.command, .open]) }

    private var scopeLimit: Rights {
        // A backend opens the threads of its users by emitting.
        isBackend && scopeRights.contains(.emit) ? scopeRights.union(.open) : scopeRights
    }

    private var reach: Rights { isLimitedToThreads ? scopeLimit.intersection(threads.anyRights) : scopeLimit }

    private var isBackend: Bool {
        switch actsAs {
        case .nobody: false
        case .listed(let users): !users.isEmpty
        case .everybody: true
        }
    }

    /// Whether the principal may emit as a user: in the user's threads, as far as it has the right to emit there.
    func mayEmit(as user: UserID) -> Bool { user == self.user || actsAs.includes(user) }

    /// Whether the principal may choose the id of a thread to open. A backend chooses freely, a frontend ids that begin with
    /// its user's id and a tilde: `u_1~anything`.
    ///
    /// The first tilde of a thread's id ends the user's, so that no id can be chosen by two users. One whose own id has a
    /// tilde has no such ids.
    func mayChoose(_ thread: ThreadID) -> Bool {
        if isBackend { return true }
        let id = thread.rawValue.utf8
        guard let tilde = id.firstIndex(of: UInt8(ascii: "~")) else { return false }
        return id[..<tilde].elementsEqual(user.rawValue.utf8)
    }
}
