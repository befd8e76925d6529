public import AgentEvents

/// The user that makes a request, and the limits of the credentials. The rights in a thread come from an ``Authorizer``.
public struct Principal: Hashable, Sendable {
    /// The user.
    public var user: UserID
    /// The kinds of use that the credentials allow.
    public var scopes: Set<Scope>
    /// The threads that the user may use in addition to their own.
    public var threads: ThreadGrant
    /// Whether the credentials reach no thread but those, not even the user's own.
    public var isLimitedToThreads: Bool
    /// The users for whom the principal may emit, apart from its own.
    public var actsAs: UserGrant
    /// When the credentials expire; `nil` when they do not.
    public var expiresAt: Timestamp?
    /// The token that the credentials are; `nil` when they are something else.
    public var token: TokenIdentity?

    public init(
        user: UserID,
        scopes: Set<Scope> = [.read, .command],
        threads: ThreadGrant = .own,
        isLimitedToThreads: Bool = false,
        actsAs: UserGrant = .nobody,
        expiresAt: Timestamp? = nil,
        token: TokenIdentity? = nil
    ) {
        self.user = user
        self.scopes = scopes
        self.threads = threads
        self.isLimitedToThreads = isLimitedToThreads
        self.actsAs = actsAs
        self.expiresAt = expiresAt
        self.token = token
    }

    /// Whether the principal may emit as a user. One without a list of threads stands for a backend, which works for every
    /// user; the runtime refuses a user that does not own the thread.
    func mayEmit(in thread: ThreadID, as user: UserID) -> Bool {
        user == self.user || !threads.isList || threads.includes(thread)
    }
}
