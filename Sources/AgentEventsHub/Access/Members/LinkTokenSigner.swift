public import AgentEvents

/// Signs the tokens of share links. The authenticator of the service accepts them.
public protocol LinkTokenSigner: Sendable {
    /// A token for a link: its claims are those of ``ShareLink``. The token alone opens nothing: the link is a member of
    /// its thread, for as long as the member is there.
    ///
    /// - Throws: when it cannot be signed; then there is no link.
    func token(for link: ShareLink) async throws -> String
}

/// A link that gives everybody who has it a part in one thread.
public struct ShareLink: Hashable, Sendable {
    /// The issuer (`iss`) of the tokens. An authenticator gives no other tokens a ``TokenIdentity/issuer`` of this name.
    public static let issuer = "agent-events"
    /// The longest life of a link: seven days.
    public static let maximumLife: Duration = .seconds(7 * 24 * 3600)

    /// The thread, and the only one that the token reaches (`threads`, `threads_only`).
    public var thread: ThreadID
    /// The user that the token names (`sub`): `link:` and an id that nobody guesses.
    public var subject: UserID
    /// The scopes of the token (`scope`).
    public var scopes: Set<Scope>
    /// When it was made (`iat`).
    public var issuedAt: Timestamp
    /// When it ends (`exp`).
    public var expiresAt: Timestamp

    package init(thread: ThreadID, subject: UserID, scopes: Set<Scope>, issuedAt: Timestamp, expiresAt: Timestamp) {
        self.thread = thread
        self.subject = subject
        self.scopes = scopes
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}
