public import AgentEvents

/// The parts of a token by which it can be revoked.
public struct TokenIdentity: Hashable, Sendable {
    /// The issuer (`iss`).
    public var issuer: String?
    /// The key that signed it (`kid`).
    public var key: String?
    /// The token's own id (`jti`).
    public var id: String?
    /// When it was issued (`iat`).
    public var issuedAt: Timestamp?

    public init(issuer: String? = nil, key: String? = nil, id: String? = nil, issuedAt: Timestamp? = nil) {
        self.issuer = issuer
        self.key = key
        self.id = id
        self.issuedAt = issuedAt
    }
}
