public import AgentEvents

/// The user that makes a request, and what the credentials allow. What the user may do in a thread, an ``Authorizer`` decides.
public struct Principal: Hashable, Sendable {
    /// The user.
    public var user: UserID
    /// What the user may do.
    public var scopes: Set<Scope>
    /// Which threads the user may use beyond their own.
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
