public import AgentEvents

/// The user that makes a request, and the limits of the credentials. The rights in a thread come from an ``Authorizer``.
public struct Principal: Hashable, Sendable {
    /// The user.
    public var user: UserID
    /// The kinds of use that the credentials allow.
    public var scopes: Set<Scope>
    /// The threads that the user may use in addition to their own.
    public var threads: ThreadGrant
    /// When the credentials expire; `nil` when they do not.
    public var expiresAt: Timestamp?

    public init(
        user: UserID,
        scopes: Set<Scope> = [.read, .command],
        threads: ThreadGrant = .own,
        expiresAt: Timestamp? = nil
    ) {
        self.user = user
        self.scopes = scopes
        self.threads = threads
        self.expiresAt = expiresAt
    }

    /// Whether the principal may emit as a user. One without a list of threads stands for a backend, which works for every
    /// user; the runtime refuses a user that does not own the thread.
    func mayEmit(in thread: ThreadID, as user: UserID) -> Bool {
        user == self.user || !threads.isList || threads.includes(thread)
    }
}
