package import AgentEvents
package import AgentEventsHub

/// Decides whether the claims of a token count now, and for what.
package struct TokenPolicy: Sendable {
    /// The least time that a connection gets whose token is accepted at its end, or within the leeway after it: enough to send
    /// another token.
    package static let graceMilliseconds: Int64 = 5000

    private let issuer: String?
    private let audiences: Set<String>
    private let leewayMilliseconds: Int64
    private let maximumLifetimeSeconds: Int64
    private let allowsTokensWithoutExpiry: Bool

    package init(_ issuer: TokenIssuer, _ configuration: TokenConfiguration) {
        self.issuer = issuer.name
        audiences = issuer.audiences
        leewayMilliseconds = configuration.leeway.components.seconds * 1000
        maximumLifetimeSeconds = configuration.maximumLifetime.components.seconds
        if case .secretFile = issuer.keys {
            allowsTokensWithoutExpiry = configuration.allowsTokensWithoutExpiry
        } else {
            allowsTokensWithoutExpiry = false
        }
    }

    /// That of the tokens of share links, which the service makes itself.
    package init(ofLinksWith configuration: TokenConfiguration) {
        issuer = ShareLink.issuer
        audiences = []
        leewayMilliseconds = configuration.leeway.components.seconds * 1000
        maximumLifetimeSeconds = ShareLink.maximumLife.components.seconds
        allowsTokensWithoutExpiry = false
    }

    /// Whether the token is of the issuer, and for this service. That does not change with time.
    ///
    /// - Throws: ``TokenError`` `claim`.
    package func checkAddress(_ claims: TokenClaims) throws(TokenError) {
        if let issuer {
            guard let named = claims.issuer else {
                throw TokenError(.claim, "the token names no issuer (iss), and has to be of \(issuer)")
            }
            guard named.utf8.elementsEqual(issuer.utf8) else {
                throw TokenError(.claim, "the token is of another issuer (iss); it has to be of \(issuer)")
            }
        }
        guard !audiences.isEmpty else {
            guard claims.audiences == nil else {
                throw TokenError(.claim, "the token is for an audience (aud), and this service is configured with none")
            }
            return
        }
        let expected = audiences.sorted().joined(separator: " or ")
        guard let named = claims.audiences else {
            throw TokenError(.claim, "the token names no audience (aud), and has to be for \(expected)")
        }
        guard named.contains(where: { name in audiences.contains { $0.utf8.elementsEqual(name.utf8) } }) else {
            throw TokenError(.claim, "the token is for another audience (aud); it has to be for \(expected)")
        }
    }

    /// Whether the token is valid at a time.
    ///
    /// - Throws: ``TokenError``: `claim`, `early`, `expired`.
    package func check(_ claims: TokenClaims, at now: Timestamp) throws(TokenError) {
        if let notBefore = claims.notBefore, notBefore * 1000 > now.milliseconds + leewayMilliseconds {
            throw TokenError(.early, "the token is valid only from \(Self.time(notBefore)) on (nbf)")
        }
        if let issuedAt = claims.issuedAt, issuedAt * 1000 > now.milliseconds + leewayMilliseconds {
            throw TokenError(.early, "the token was issued at \(Self.time(issuedAt)) (iat), which is yet to come")
        }
        guard let expiry = claims.expiry else {
            guard allowsTokensWithoutExpiry else { throw TokenError(.claim, "the token has no expiry (exp)") }
            return
        }
        let start = claims.issuedAt ?? (now.milliseconds + leewayMilliseconds) / 1000
        guard expiry - start <= maximumLifetimeSeconds else {
            throw TokenError(
                .claim,
                "a token is valid for at most \(maximumLifetimeSeconds) seconds, from its issue (iat) to its expiry (exp)"
            )
        }
        guard now.milliseconds < expiry * 1000 + leewayMilliseconds else {
            throw TokenError(.expired, "the token expired at \(Self.time(expiry)) (exp)")
        }
        if let issuedAt = claims.issuedAt, issuedAt > expiry {
            throw TokenError(.claim, "the token expires (exp) before it was issued (iat)")
        }
    }

    /// The caller that the token stands for, from now on.
    package func principal(_ claims: TokenClaims, key: TokenKey.Name, at now: Timestamp) -> Principal {
        var principal = Principal(
            user: claims.user,
            scopes: claims.scopes,
            threads: claims.threads,
            isLimitedToThreads: claims.isLimitedToThreads,
            actsAs: claims.actsAs,
            expiresAt: claims.expiry.map {
                Timestamp(milliseconds: max($0 * 1000, now.milliseconds + Self.graceMilliseconds))
            },
            token: TokenIdentity(
                issuer: key.issuer ?? claims.issuer, key: key.id, id: claims.id,
                issuedAt: claims.issuedAt.map { Timestamp(milliseconds: $0 * 1000) }))
        principal.groups = claims.groups
        return principal
    }

    private static func time(_ seconds: Int64) -> String { Timestamp(milliseconds: seconds * 1000).rfc3339 }
}
