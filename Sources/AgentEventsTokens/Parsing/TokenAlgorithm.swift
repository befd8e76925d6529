/// The algorithms of signatures (RFC 7518, section 3.1; RFC 8037) that tokens may have. There is none without a signature.
public enum TokenAlgorithm: String, CaseIterable, Hashable, Sendable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// The kind of key that an algorithm works with.
    package enum Family: Hashable, Sendable {
        case secret
        case rsa
        case ellipticCurve
        case edwardsCurve
    }

    package var family: Family {
        switch self {
        case .hs256, .hs384, .hs512: .secret
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
        case .es256, .es384, .es512: .ellipticCurve
        case .edDSA: .edwardsCurve
        }
    }

    /// The size of the hash, in bytes, which is the least size of a shared secret.
    package var hashByteCount: Int {
        switch self {
        case .hs256, .rs256, .ps256, .es256: 32
        case .hs384, .rs384, .ps384, .es384: 48
        case .hs512, .rs512, .ps512, .es512, .edDSA: 64
        }
    }

    /// Those of a shared secret.
    public static let ofSecrets: [TokenAlgorithm] = [.hs256, .hs384, .hs512]
}
