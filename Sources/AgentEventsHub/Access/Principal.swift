public import AgentEvents

/// Who makes a request, and what they may do. All decisions are made here.
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

    /// Whether the principal may read a thread.
    ///
    /// - Parameter owner: the user that opened the thread; `nil` when it has no event yet.
    public func mayRead(_ thread: ThreadID, owner: UserID?) -> Bool {
        scopes.contains(.read) && mayUse(thread, owner: owner)
    }

    /// Whether the principal may log events in a thread for a user. A principal without a list of threads stands for a
    /// backend, which works for every user; the runtime refuses a user that does not own the thread.
    public func mayEmit(in thread: ThreadID, as user: UserID) -> Bool {
        guard scopes.contains(.emit) else { return false }
        if case .listed = threads { return mayUse(thread, owner: user) }
        return true
    }

    /// Whether the principal may send messages and commands to the agents of a thread.
    ///
    /// - Parameter owner: the user that opened the thread; `nil` when it has no event yet.
    public func mayCommand(_ thread: ThreadID, owner: UserID?) -> Bool {
        scopes.contains(.command) && mayUse(thread, owner: owner)
    }

    /// Whether the credentials still count.
    public func isValid(at time: Timestamp) -> Bool { expiresAt.map { time < $0 } ?? true }

    private func mayUse(_ thread: ThreadID, owner: UserID?) -> Bool {
        owner == nil || owner == user || threads.includes(thread)
    }
}
