package import AgentEvents
import Crypto
import JWTKit

/// A key, and the one algorithm that it is used with.
///
/// jwt-kit makes and checks signatures. Each key has a collection of its own there, and leaves it at once: a collection with
/// several falls back to its first one, and lets the first token decide about the algorithm of a key that names none.
package struct TokenKey: Sendable {
    /// A key is known by its name at its issuer: two issuers may use one name.
    package struct Name: Hashable, Sendable {
        package var issuer: String?
        package var id: String?

        package init(issuer: String?, id: String?) {
            self.issuer = issuer
            self.id = id
        }
    }

    package let name: Name
    package let algorithm: TokenAlgorithm
    /// Tells a key from another one that takes over its name, and from the same one of another issuer.
    package let fingerprint: [UInt8]
    private let signer: any JWTAlgorithm

    private init(_ name: Name, _ algorithm: TokenAlgorithm, material: [UInt8], signer: any JWTAlgorithm) {
        self.name = name
        self.algorithm = algorithm
        let names = Array((name.issuer ?? "").utf8) + [0] + Array(algorithm.rawValue.utf8) + [0]
        fingerprint = Array(SHA256.hash(data: names + material))
        self.signer = signer
    }

    func isValid(_ signature: [UInt8], of signed: [UInt8]) -> Bool {
        do {
            return try signer.verify(signature, signs: signed)
        } catch {
            // It is not even of the size that signatures of the algorithm have.
            return false
        }
    }

    func sign(_ bytes: [UInt8]) throws -> [UInt8] { try signer.sign(bytes) }

    private static func signer(_ add: (JWTKeyCollection) async -> Void) async throws -> any JWTAlgorithm {
        let collection = JWTKeyCollection()
        await add(collection)
        return try await collection.getKey()
    }

    // MARK: A shared secret

    /// - Throws: ``TokenKeyError`` for a secret that is shorter than the algorithm's hash.
    package static func secret(
        _ secret: [UInt8],
        algorithm: TokenAlgorithm = .hs256,
        name: Name
    ) async throws -> TokenKey {
        guard algorithm.family == .secret else {
            throw TokenKeyError(
                "\(algorithm.rawValue) takes a pair of keys; a secret is for "
                    + TokenAlgorithm.ofSecrets.map(\.rawValue).joined(separator: ", "))
        }
        guard secret.count >= algorithm.hashByteCount else {
            throw TokenKeyError(
                "a secret for \(algorithm.rawValue) has at least \(algorithm.hashByteCount) bytes, and this one has "
                    + "\(secret.count): make one with head -c \(algorithm.hashByteCount) /dev/urandom | base64 -w 0")
        }
        let signer = try await signer { collection in
            await collection.add(hmac: HMACKey(from: secret), digestAlgorithm: algorithm.digest)
        }
        return TokenKey(name, algorithm, material: secret, signer: signer)
    }

    // MARK: A public key

    /// A key of a JWK set (RFC 7517): the public half of an RSA, elliptic or Edwards curve key.
    ///
    /// - Throws: ``TokenKeyError`` for a key that is not used here, and why.
    package static func publicKey(_ jwk: JSONObject, issuer: String?) async throws -> TokenKey {
        let key = try PublicJWK(jwk)
        let signer = try await signer(of: key)
        return TokenKey(Name(issuer: issuer, id: key.id), key.algorithm, material: key.material, signer: signer)
    }

    private static func signer(of key: PublicJWK) async throws -> any JWTAlgorithm {
        do {
            switch key.value {
            case .rsa(let modulus, let exponent):
                let rsa = try Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent)
                let isPSS = [.ps256, .ps384, .ps512].contains(key.algorithm)
                return try await signer { collection in
                    if isPSS {
                        await collection.add(pss: rsa, digestAlgorithm: key.algorithm.digest)
                    } else {
                        await collection.add(rsa: rsa, digestAlgorithm: key.algorithm.digest)
                    }
                }
            case .ellipticCurve(let x, let y):
                switch key.algorithm {
                case .es384:
                    let public384 = try ES384PublicKey(parameters: (x, y))
                    return try await signer { await $0.add(ecdsa: public384) }
                case .es512:
                    let public512 = try ES512PublicKey(parameters: (x, y))
                    return try await signer { await $0.add(ecdsa: public512) }
                default:
                    let public256 = try ES256PublicKey(parameters: (x, y))
                    return try await signer { await $0.add(ecdsa: public256) }
                }
            case .edwardsCurve(let x):
                let edwards = try EdDSA.PublicKey(x: x, curve: .ed25519)
                return try await signer { await $0.add(eddsa: edwards) }
            }
        } catch {
            throw TokenKeyError("its numbers are not those of a key")
        }
    }
}

extension TokenAlgorithm {
    fileprivate var digest: DigestAlgorithm {
        switch hashByteCount {
        case 32: .sha256
        case 48: .sha384
        default: .sha512
        }
    }
}

/// The reason why a key, or a set of keys, is not used.
public struct TokenKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence: what is wrong, and what would have been right; never with the key itself.
    public var message: String

    package init(_ message: String) { self.message = message }

    public var description: String { message }
}
