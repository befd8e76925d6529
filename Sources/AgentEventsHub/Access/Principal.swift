public import AgentEvents

/// The user that makes a request, and the limits of the credentials. The rights in a thread come from an ``Authorizer``.
///
/// A value. It is handed on with each request, and so is one reference: a change makes a new one.
public struct Principal: Hashable, Sendable {
    private struct Fields: Hashable, Sendable {
        var user: UserID
        var scopes: Set<Scope>
        var threads: ThreadGrant
        var isLimitedToThreads: Bool
        var actsAs: UserGrant
        var groups: Set<GroupID> = []
        var expiresAt: Timestamp?
        var token: TokenIdentity?
        var keyFingerprint: [UInt8]?
        /// Computed once: looked at with each request.
        var scopeRights: Rights
    }

    private final class Storage: Sendable {
        let fields: Fields

        init(_ fields: Fields) { self.fields = fields }
    }

    private var storage: Storage

    private var fields: Fields {
        get { storage.fields }
        set { storage = Storage(newValue) }
    }

    /// The user.
    public var user: UserID {
        get { storage.fields.user }
        set { fields.user = newValue }
    }

    /// The kinds of use that the credentials allow.
    public var scopes: Set<Scope> {
        get { storage.fields.scopes }
        set {
            var changed = fields
            changed.scopes = newValue
            changed.scopeRights = Rights(newValue)
            fields = changed
        }
    }

    /// The threads that the user may use in addition to their own.
    public var threads: ThreadGrant {
        get { storage.fields.threads }
        set { fields.threads = newValue }
    }

    /// Whether the credentials reach no thread but those, not even the user's own.
    public var isLimitedToThreads: Bool {
        get { storage.fields.isLimitedToThreads }
        set { fields.isLimitedToThreads = newValue }
    }

    /// The users for whom the principal may emit, apart from its own. With any of them, its own user among others, it is a
    /// backend, and chooses the ids of the threads that it opens.
    public var actsAs: UserGrant {
        get { storage.fields.actsAs }
        set { fields.actsAs = newValue }
    }

    /// The groups that the user is in, by the credentials; they may be members of threads. Default: none.
    public var groups: Set<GroupID> {
        get { storage.fields.groups }
        set { fields.groups = newValue }
    }

    /// When the credentials expire; `nil` when they do not.
    public var expiresAt: Timestamp? {
        get { storage.fields.expiresAt }
        set { fields.expiresAt = newValue }
    }

    /// The token that the credentials are; `nil` when they are something else.
    public var token: TokenIdentity? {
        get { storage.fields.token }
        set { fields.token = newValue }
    }

    /// Tells the key that the token was made with from another one of the same name; `nil` for keys that never change.
    package var keyFingerprint: [UInt8]? {
        get { storage.fields.keyFingerprint }
        set { fields.keyFingerprint = newValue }
    }

    /// The rights that the scopes allow at most.
    private var scopeRights: Rights { storage.fields.scopeRights }

    public init(
        user: UserID,
        scopes: Set<Scope> = [.read, .command, .open],
        threads: ThreadGrant = .own,
        isLimitedToThreads: Bool = false,
        actsAs: UserGrant = .nobody,
        expiresAt: Timestamp? = nil,
        token: TokenIdentity? = nil
    ) {
        storage = Storage(
            Fields(
                user: user, scopes: scopes, threads: threads, isLimitedToThreads: isLimitedToThreads, actsAs: actsAs,
                expiresAt: expiresAt, token: token, scopeRights: Rights(scopes)))
    }

    public static func == (left: Principal, right: Principal) -> Bool {
        left.storage === right.storage || left.fields == right.fields
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(fields) }
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

    /// A caller's place in a trace, as far as the caller is believed: what is recorded there, only backends say.
    package func trusted(_ trace: TraceContext?) -> TraceContext? {
        scopes.contains(.emit) ? trace : trace?.unsampled
    }

    /// Whether the principal may choose the id of a thread to open. A backend chooses freely, a frontend ids that begin with
    /// its user's id and a tilde: `u_1~anything`.
    ///
    /// The first tilde of a thread's id ends the user's, so that no id can be chosen by two users. One whose own id has a
    /// tilde has no such ids.
    func mayChoose(_ thread: ThreadID) -> Bool {
        if isBackend { return true }
        if ContextThread.isReserved(thread) { return ContextThread(thread)?.user == user }
        let id = thread.rawValue.utf8
        guard let tilde = id.firstIndex(of: UInt8(ascii: "~")) else { return false }
        return id[..<tilde].elementsEqual(user.rawValue.utf8)
    }
}
