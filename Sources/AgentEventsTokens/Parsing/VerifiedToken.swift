package import AgentEvents

/// A token whose signature nobody has checked. Its claims cannot be read.
package struct UnverifiedToken: Sendable {
    /// The algorithm that its header names.
    package let algorithm: TokenAlgorithm
    /// The key that its header names.
    package let keyID: String?
    private let signed: [UInt8]
    fileprivate let claims: [UInt8]
    private let signature: [UInt8]

    init(algorithm: TokenAlgorithm, keyID: String?, signed: [UInt8], claims: [UInt8], signature: [UInt8]) {
        self.algorithm = algorithm
        self.keyID = keyID
        self.signed = signed
        self.claims = claims
        self.signature = signature
    }

    /// The issuer that the token says it is of: which keys to look among, where there are those of several. The key that is
    /// found there decides, and the claim is compared again once the signature has been checked.
    var issuerHint: String? { TokenParser.object(claims)?["iss"]?.stringValue }

    fileprivate func isSigned(by key: TokenKey) -> Bool { key.isValid(signature, of: signed) }
}

/// A token whose signature is that of a key which is trusted. There is no other way to make one, and no way to read claims
/// but this.
package struct VerifiedToken: Sendable {
    /// The claims, as its issuer wrote them.
    package let claims: JSONObject
    /// The key that signed it.
    package let key: TokenKey.Name
    /// Tells it from another one of that name.
    package let keyFingerprint: [UInt8]

    /// - Throws: ``TokenError``: `algorithm`, `signature`, `form`.
    package init(_ token: UnverifiedToken, signedBy key: TokenKey) throws(TokenError) {
        // The key's own algorithm is the one that is computed; the token may not choose.
        guard token.algorithm == key.algorithm else {
            throw TokenError(
                .algorithm,
                "the token is signed with \(token.algorithm.rawValue), and its key is one for \(key.algorithm.rawValue)"
            )
        }
        guard token.isSigned(by: key) else {
            throw TokenError(.signature, "the signature of the token is not that of its key")
        }
        guard let claims = TokenParser.object(token.claims) else {
            throw TokenError(.form, "the claims of a token are a JSON object in which no member stands twice")
        }
        self.claims = claims
        self.key = key.name
        keyFingerprint = key.fingerprint
    }
}
