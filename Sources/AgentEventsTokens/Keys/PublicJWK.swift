import AgentEvents

/// A public key as a JWK (RFC 7517, RFC 7518, RFC 8037) writes it, checked but for its arithmetic, with the one algorithm that
/// it is used with. Numbers are base64url in its one form.
struct PublicJWK {
    enum Value: Hashable {
        case rsa(modulus: String, exponent: String)
        case ellipticCurve(x: String, y: String)
        case edwardsCurve(x: String)
    }

    /// The least size of an RSA key, in bits.
    static let minimumModulusBitCount = 2048
    /// A larger one would make each check take long.
    static let maximumModulusBitCount = 8192

    let id: String?
    let algorithm: TokenAlgorithm
    let value: Value

    init(_ jwk: JSONObject) throws(TokenKeyError) {
        try Self.checkUse(jwk)
        id = try Self.text("kid", jwk)
        guard jwk["d"] == nil else {
            throw TokenKeyError("it has its private half (d), which a set of public keys must not have")
        }
        let named = try Self.text("alg", jwk)
        switch try Self.text("kty", jwk) {
        case "RSA": (algorithm, value) = try Self.rsa(jwk, named)
        case "EC": (algorithm, value) = try Self.ellipticCurve(jwk, named)
        case "OKP": (algorithm, value) = try Self.edwardsCurve(jwk, named)
        case "oct": throw TokenKeyError("it is a shared secret (oct), which a set of public keys must not have")
        default: throw TokenKeyError("its kind (kty) is not RSA, EC or OKP")
        }
    }

    /// Tells the numbers of a key from those of another.
    var material: [UInt8] {
        switch value {
        case .rsa(let modulus, let exponent): Array("\(modulus).\(exponent)".utf8)
        case .ellipticCurve(let x, let y): Array("\(x).\(y)".utf8)
        case .edwardsCurve(let x): Array(x.utf8)
        }
    }

    private static func checkUse(_ jwk: JSONObject) throws(TokenKeyError) {
        if let use = jwk["use"], use != "sig" { throw TokenKeyError("its use is not sig") }
        if let operations = jwk["key_ops"] {
            guard operations.arrayValue?.contains("verify") == true else {
                throw TokenKeyError("its operations (key_ops) do not contain verify")
            }
        }
    }

    // MARK: The kinds

    /// One that names no algorithm is for RS256, whatever a token asks for: so is every such key that issuers publish.
    private static func rsa(_ jwk: JSONObject, _ named: String?) throws(TokenKeyError) -> (TokenAlgorithm, Value) {
        let algorithm = try algorithm(
            named, among: TokenAlgorithm.allCases.filter { $0.family == .rsa }, default: .rs256)
        let modulus = try number("n", jwk)
        let exponent = try number("e", jwk)
        let bytes = modulus.bytes.drop { $0 == 0 }
        let bitCount = bytes.first.map { bytes.count * 8 - $0.leadingZeroBitCount } ?? 0
        guard bitCount >= minimumModulusBitCount else {
            throw TokenKeyError("an RSA key has at least \(minimumModulusBitCount) bits, and this one has \(bitCount)")
        }
        guard bitCount <= maximumModulusBitCount else {
            throw TokenKeyError("an RSA key has at most \(maximumModulusBitCount) bits, and this one has \(bitCount)")
        }
        guard exponent.bytes.count <= 4, exponent.bytes.last.map({ $0 & 1 == 1 }) == true, exponent.bytes != [1] else {
            throw TokenKeyError("the exponent (e) of an RSA key is odd, above 1 and below 2^32")
        }
        return (algorithm, .rsa(modulus: modulus.text, exponent: exponent.text))
    }

    /// The curve decides about the algorithm.
    private static func ellipticCurve(
        _ jwk: JSONObject,
        _ named: String?
    ) throws(TokenKeyError) -> (TokenAlgorithm, Value) {
        let (curveAlgorithm, byteCount): (TokenAlgorithm, Int) =
            switch try text("crv", jwk) {
            case "P-256": (.es256, 32)
            case "P-384": (.es384, 48)
            case "P-521": (.es512, 66)
            default: throw TokenKeyError("its curve (crv) is not P-256, P-384 or P-521")
            }
        let algorithm = try algorithm(named, among: [curveAlgorithm], default: curveAlgorithm)
        let (x, y) = (try number("x", jwk), try number("y", jwk))
        guard x.bytes.count == byteCount, y.bytes.count == byteCount else {
            throw TokenKeyError("the coordinates of its curve have \(byteCount) bytes")
        }
        return (algorithm, .ellipticCurve(x: x.text, y: y.text))
    }

    private static func edwardsCurve(
        _ jwk: JSONObject,
        _ named: String?
    ) throws(TokenKeyError) -> (TokenAlgorithm, Value) {
        guard try text("crv", jwk) == "Ed25519" else { throw TokenKeyError("its curve (crv) is not Ed25519") }
        let algorithm = try algorithm(named, among: [.edDSA], default: .edDSA)
        let x = try number("x", jwk)
        guard x.bytes.count == 32 else { throw TokenKeyError("an Ed25519 key has 32 bytes") }
        return (algorithm, .edwardsCurve(x: x.text))
    }

    // MARK: Members

    private static func algorithm(
        _ named: String?,
        among possible: [TokenAlgorithm],
        default standard: TokenAlgorithm
    ) throws(TokenKeyError) -> TokenAlgorithm {
        guard let named else { return standard }
        guard let algorithm = possible.first(where: { $0.rawValue == named }) else {
            throw TokenKeyError(
                "its algorithm (alg) is not one of a signature with such a key: "
                    + possible.map(\.rawValue).joined(separator: ", "))
        }
        return algorithm
    }

    private static func text(_ name: String, _ jwk: JSONObject) throws(TokenKeyError) -> String? {
        guard let value = jwk[name] else { return nil }
        guard let text = value.stringValue, (1...256).contains(text.utf8.count) else {
            throw TokenKeyError("its member \(name) is not a text of 1 to 256 bytes")
        }
        return text
    }

    private static func number(_ name: String, _ jwk: JSONObject) throws(TokenKeyError) -> (
        text: String, bytes: [UInt8]
    ) {
        guard let text = jwk[name]?.stringValue, let bytes = Base64URL.decode(Array(text.utf8)), !bytes.isEmpty else {
            throw TokenKeyError("its number \(name) is missing, or is not base64url")
        }
        return (text, bytes)
    }
}
