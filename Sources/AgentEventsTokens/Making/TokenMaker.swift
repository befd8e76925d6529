public import AgentEvents
public import AgentEventsHub

/// Makes tokens that are signed with a shared secret: for programs of one's own, for tests, for share links.
public struct TokenMaker: Sendable {
    /// The contents of a token.
    public struct Content: Sendable {
        public var user: UserID
        public var issuer: String?
        public var audience: String?
        /// The token's own id; one is made when there is none, so that the token can be revoked.
        public var id: String?
        public var issuedAt: Timestamp
        /// `nil` for never.
        public var expiresAt: Timestamp?
        /// `nil` for the standard ones: read, command, open.
        public var scopes: [Scope]?
        /// Ids, or the beginning of ids and a star; `nil` for the user's own threads alone.
        public var threads: [String]?
        public var isLimitedToThreads = false
        public var actsAs: UserGrant = .nobody
        /// The groups that the user is in.
        public var groups: Set<GroupID> = []

        public init(user: UserID, issuedAt: Timestamp, expiresAt: Timestamp?) {
            self.user = user
            self.issuedAt = issuedAt
            self.expiresAt = expiresAt
        }
    }

    private let key: TokenKey

    /// - Throws: ``TokenKeyError`` for a file that others may use, or a secret that is too short.
    public init(secretFile path: String, algorithm: TokenAlgorithm = .hs256) async throws {
        key = try await TokenKey.secret(
            try KeyFile.secret(at: path), algorithm: algorithm, name: TokenKey.Name(issuer: nil, id: nil))
    }

    package init(_ key: TokenKey) { self.key = key }

    /// - Returns: a compact JWS.
    public func token(_ content: Content) throws -> String {
        let id = content.id ?? IdentifierSource.timeSorted().text(prefix: "jwt").string
        var claims: [(String, JSONValue)] = [("sub", .string(content.user.rawValue)), ("jti", .string(id))]
        if let issuer = content.issuer { claims.append(("iss", .string(issuer))) }
        if let audience = content.audience { claims.append(("aud", .string(audience))) }
        claims.append(("iat", .integer(Self.seconds(content.issuedAt))))
        if let expiresAt = content.expiresAt { claims.append(("exp", .integer(Self.seconds(expiresAt)))) }
        if let scopes = content.scopes {
            claims.append(("scope", .string(scopes.map(\.rawValue).joined(separator: " "))))
        }
        if let threads = content.threads { claims.append(("threads", .array(threads.map { .string($0) }))) }
        if content.isLimitedToThreads { claims.append(("threads_only", true)) }
        switch content.actsAs {
        case .nobody: break
        case .listed(let users): claims.append(("act_as", .array(users.map(\.rawValue).sorted().map { .string($0) })))
        case .everybody: claims.append(("act_as", "*"))
        }
        if !content.groups.isEmpty {
            claims.append(("groups", .array(content.groups.map(\.rawValue).sorted().map { .string($0) })))
        }
        return try sign(.object(JSONObject(claims)))
    }

    /// - Parameter claims: any.
    package func sign(_ claims: JSONValue, header more: [(String, JSONValue)] = []) throws -> String {
        var header: [(String, JSONValue)] = [("alg", .string(key.algorithm.rawValue)), ("typ", "JWT")]
        header += more
        let signed =
            Base64URL.encode(JSONValue.object(JSONObject(header)).encoded()) + "." + Base64URL.encode(claims.encoded())
        return signed + "." + Base64URL.encode(try key.sign(Array(signed.utf8)))
    }

    private static func seconds(_ time: Timestamp) -> Int64 { time.milliseconds / 1000 }
}
