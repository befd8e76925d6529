import AgentEvents

/// Reads the outside of a token: a compact JWS (RFC 7515, section 7.1) with a header that asks for nothing unusual.
///
/// What it finds is vouched for by nobody yet: it chooses a key, and serves for nothing else.
package enum TokenParser {
    /// The largest token, in bytes.
    package static let maximumByteCount = 8 * 1024
    private static let maximumKeyIDByteCount = 256

    /// - Throws: ``TokenError``: `form`, `header`, `algorithm`.
    package static func parse(_ token: String) throws(TokenError) -> UnverifiedToken {
        let bytes = Array(token.utf8)
        // Before it is split: a text of dots alone would make a part for each.
        guard bytes.count <= maximumByteCount else {
            throw TokenError(
                .form, "a token has at most \(maximumByteCount) bytes, and this one has \(bytes.count)")
        }
        let dots = bytes.indices.filter { bytes[$0] == UInt8(ascii: ".") }
        guard dots.count == 2 else {
            throw TokenError(
                .form, "a token is a JSON Web Token: header, claims and signature, with two dots between them")
        }
        let (first, second) = (dots[0], dots[1])
        guard let header = Base64URL.decode(bytes[..<first]),
            let claims = Base64URL.decode(bytes[(first + 1)..<second]),
            let signature = Base64URL.decode(bytes[(second + 1)...])
        else {
            throw TokenError(
                .form, "each part of a token is base64url without padding, and in its one form: no spaces, no line ends"
            )
        }
        guard let members = object(header) else {
            throw TokenError(.form, "the header of a token is a JSON object in which no member stands twice")
        }
        return UnverifiedToken(
            algorithm: try algorithm(members), keyID: try keyID(members), signed: Array(bytes[..<second]),
            claims: claims,
            signature: signature)
    }

    /// - Returns: `nil` when the bytes are not one JSON object without repeated members.
    static func object(_ bytes: [UInt8]) -> JSONObject? {
        do throws(WireError) {
            return try JSONValue(parsing: bytes).objectValue
        } catch {
            return nil
        }
    }

    /// The members `jku`, `jwk`, `x5u` and `x5c`, by which a token would bring its own key, and all others are ignored.
    private static func algorithm(_ header: JSONObject) throws(TokenError) -> TokenAlgorithm {
        guard header["crit"] == nil else {
            throw TokenError(.header, "the token has critical extensions (crit), and none is understood here")
        }
        if let type = header["typ"] {
            guard let name = type.stringValue, ["jwt", "at+jwt"].contains(name.lowercased()) else {
                throw TokenError(.header, "the type (typ) of a token is JWT or at+jwt, or is left out")
            }
        }
        guard let value = header["alg"] else {
            throw TokenError(.header, "the header of a token names the algorithm of its signature (alg)")
        }
        guard let algorithm = value.stringValue.flatMap(TokenAlgorithm.init(rawValue:)) else {
            throw TokenError(
                .algorithm,
                "the algorithm of the token (alg) is not one that counts here; there are: "
                    + TokenAlgorithm.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return algorithm
    }

    private static func keyID(_ header: JSONObject) throws(TokenError) -> String? {
        guard let value = header["kid"] else { return nil }
        guard let name = value.stringValue, (1...maximumKeyIDByteCount).contains(name.utf8.count) else {
            throw TokenError(
                .header, "the name of a token's key (kid) is a text of 1 to \(maximumKeyIDByteCount) bytes")
        }
        return name
    }
}
