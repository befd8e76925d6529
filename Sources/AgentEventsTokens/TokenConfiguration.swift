/// The tokens that count, by their issuers.
public struct TokenConfiguration: Sendable {
    /// Those whose tokens count. With more than one, each has a name of its own.
    public var issuers: [TokenIssuer]
    /// The time by which clocks may differ, when a token's times are checked. Default: 30 seconds.
    public var leeway: Duration = .seconds(30)
    /// The longest time for which a token may be valid, from its issue to its expiry. Default: 24 hours.
    public var maximumLifetime: Duration = .seconds(24 * 3600)
    /// Whether a token without expiry (`exp`) counts, for ever. Only where all keys are shared secrets. Default: `false`.
    public var allowsTokensWithoutExpiry = false
    /// The secret of the service's share links: their tokens are checked with it, and with no other key. `nil`: tokens of share
    /// links do not count. Default: `nil`.
    public var linkSecret: LinkSecret?

    public init(issuers: [TokenIssuer]) { self.issuers = issuers }
}

/// A party that makes tokens.
public struct TokenIssuer: Sendable {
    /// The claim `iss` of its tokens. `nil`: none is asked for.
    public var name: String?
    /// One of these must be among the audiences (`aud`) of a token. Empty: tokens for an audience are refused, since it cannot
    /// be this service.
    public var audiences: Set<String>
    /// The keys that its tokens are signed with.
    public var keys: Keys

    public init(name: String? = nil, audiences: Set<String> = [], keys: Keys) {
        self.name = name
        self.audiences = audiences
        self.keys = keys
    }

    /// The place of an issuer's keys.
    @nonexhaustive
    public enum Keys: Hashable, Sendable {
        /// A file with a secret that the issuer and this service share: all of it but a line end. It belongs to its owner alone
        /// (mode 0600 or less), and is at least as long as the hash: 32, 48 or 64 bytes.
        case secretFile(String, TokenAlgorithm)
        /// A file with a JWK set of public keys.
        case keySetFile(String)
        /// An address of `https` with a JWK set of public keys, fetched again every ten minutes.
        case keySetURL(String)
    }
}
