import AgentEvents
import Crypto
import CryptoExtras
import Foundation
import JWTKit

@testable import AgentEventsTokens

/// A key of an issuer in a test, with both of its halves. Signatures are made by jwt-kit, and headers and claims by the test.
struct TestKey: Sendable {
    let id: String?
    let algorithm: TokenAlgorithm
    let signer: any JWTAlgorithm
    /// The public half; `nil` for a secret.
    let jwk: JSONObject?
    /// The secret; `nil` for a pair of keys.
    let secret: [UInt8]?

    static func make(_ algorithm: TokenAlgorithm, id: String? = "k1", namesAlgorithm: Bool = true) async throws
        -> TestKey
    {
        let collection = JWTKeyCollection()
        var jwk: JSONObject?
        var secret: [UInt8]?
        switch algorithm {
        case .hs256, .hs384, .hs512:
            let bytes = (0..<64).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
            secret = bytes
            let digest: DigestAlgorithm =
                algorithm == .hs256 ? .sha256 : algorithm == .hs384 ? .sha384 : .sha512
            await collection.add(hmac: HMACKey(from: bytes), digestAlgorithm: digest)
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512:
            let key = try Insecure.RSA.PrivateKey(backing: rsa)
            let digest: DigestAlgorithm =
                [.rs256, .ps256].contains(algorithm)
                ? .sha256 : [.rs384, .ps384].contains(algorithm) ? .sha384 : .sha512
            if algorithm.rawValue.hasPrefix("PS") {
                await collection.add(pss: key, digestAlgorithm: digest)
            } else {
                await collection.add(rsa: key, digestAlgorithm: digest)
            }
            let numbers = try key.publicKey.getKeyPrimitives()
            jwk = [
                "kty": "RSA", "n": .string(Base64URL.encode(numbers.modulus)),
                "e": .string(Base64URL.encode(numbers.publicExponent)),
            ]
        case .es256:
            let key = P256.Signing.PrivateKey()
            await collection.add(ecdsa: try ES256PrivateKey(backing: key))
            jwk = curve("P-256", key.publicKey.x963Representation)
        case .es384:
            let key = P384.Signing.PrivateKey()
            await collection.add(ecdsa: try ES384PrivateKey(backing: key))
            jwk = curve("P-384", key.publicKey.x963Representation)
        case .es512:
            let key = P521.Signing.PrivateKey()
            await collection.add(ecdsa: try ES512PrivateKey(backing: key))
            jwk = curve("P-521", key.publicKey.x963Representation)
        case .edDSA:
            let key = Curve25519.Signing.PrivateKey()
            await collection.add(eddsa: EdDSA.PrivateKey(backing: key))
            jwk = ["kty": "OKP", "crv": "Ed25519", "x": .string(Base64URL.encode(key.publicKey.rawRepresentation))]
        }
        if let id { jwk?["kid"] = .string(id) }
        if namesAlgorithm { jwk?["alg"] = .string(algorithm.rawValue) }
        return TestKey(
            id: id, algorithm: algorithm, signer: try await collection.getKey(), jwk: jwk, secret: secret)
    }

    /// One pair for all of RSA: making one takes long.
    private static let rsa: _RSA.Signing.PrivateKey = {
        do {
            return try _RSA.Signing.PrivateKey(keySize: .bits2048)
        } catch {
            preconditionFailure("no RSA key: \(error)")
        }
    }()

    private static func curve(_ name: String, _ point: Data) -> JSONObject {
        let coordinates = point.dropFirst()
        return [
            "kty": "EC", "crv": .string(name),
            "x": .string(Base64URL.encode(coordinates.prefix(coordinates.count / 2))),
            "y": .string(Base64URL.encode(coordinates.suffix(coordinates.count / 2))),
        ]
    }

    /// The half of the key that the service has.
    func key(issuer: String? = nil) async throws -> TokenKey {
        if let secret {
            return try await TokenKey.secret(secret, algorithm: algorithm, name: TokenKey.Name(issuer: issuer, id: id))
        }
        return try await TokenKey.publicKey(jwk ?? [:], issuer: issuer)
    }

    /// - Parameters:
    ///   - header: in addition to `alg` and `kid`, or in place of them.
    func token(_ claims: JSONValue, header: JSONObject = [:]) throws -> String {
        var members: JSONObject = ["alg": .string(algorithm.rawValue), "typ": "JWT"]
        if let id { members["kid"] = .string(id) }
        return try token(claims: claims.encoded(), header: JSONValue.object(members.replacing(header)).encoded())
    }

    func token(claims: [UInt8], header: [UInt8]) throws -> String {
        let signed = Base64URL.encode(header) + "." + Base64URL.encode(claims)
        return signed + "." + Base64URL.encode(try signer.sign(Array(signed.utf8)))
    }
}

extension JSONObject {
    /// With other members in addition or in place of these, and without those that are null there.
    func replacing(_ others: JSONObject) -> JSONObject {
        let names = others.keys
        let kept = filter { !names.contains($0.key) } + others.filter { $0.value != .null }
        return JSONObject(kept.map { ($0.key, $0.value) })
    }
}

/// A set of public keys.
func keySet(_ keys: [TestKey]) -> [UInt8] {
    JSONValue.object(["keys": .array(keys.compactMap(\.jwk).map { .object($0) })]).encoded()
}
