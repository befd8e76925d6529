import AgentEvents
import AgentEventsHub
import Crypto
import Foundation
import JWTKit
import Testing

@testable import AgentEventsTokens

/// Which key, and which algorithm, a token may use: SEC-20 to SEC-24 and SEC-27.
@Suite(.timeLimit(.minutes(10)))
struct SignatureTests {
    private static func reason(_ token: String, _ key: TokenKey) -> TokenError.Reason? {
        do throws(TokenError) {
            _ = try VerifiedToken(try TokenParser.parse(token), signedBy: key)
            return nil
        } catch {
            return error.reason
        }
    }

    @Test(arguments: TokenAlgorithm.allCases)
    func aTokenOfEachAlgorithmCounts(_ algorithm: TokenAlgorithm) async throws {
        let key = try await TestKey.make(algorithm)
        let verified = try VerifiedToken(
            try TokenParser.parse(try key.token(["sub": "u_1"])), signedBy: try await key.key(issuer: "i"))
        #expect(verified.claims == ["sub": "u_1"])
        #expect(verified.key == TokenKey.Name(issuer: "i", id: "k1"))
    }

    /// Only the diagonal passes, whatever the signature is made of: the key itself, its public half as a secret, or nothing.
    @Test(arguments: TokenAlgorithm.allCases)
    func sec20AlgorithmBelongsToTheKey(_ algorithm: TokenAlgorithm) async throws {
        let test = try await TestKey.make(algorithm)
        let key = try await test.key()
        let names = TokenAlgorithm.allCases.map(\.rawValue) + ["none", "None", "NONE", "", "hs256", "ES256K", "HS1"]
        for name in names where name != algorithm.rawValue {
            let own = try test.token(["sub": "u_1"], header: ["alg": .string(name)])
            #expect(Self.reason(own, key) == .algorithm, "\(name)")
            let unsigned = own.split(separator: ".").dropLast().joined(separator: ".")
            #expect(Self.reason(unsigned + ".", key) == .algorithm, "\(name)")
        }
        // The algorithm is the key's, and the signature that of another key or none at all.
        let unsigned = try test.token(["sub": "u_1"]).split(separator: ".").dropLast().joined(separator: ".")
        #expect(Self.reason(unsigned + ".", key) == .signature)
        for jwk in [
            test.jwk.map { JSONValue.object($0).encoded() }, test.jwk?["n"]?.stringValue.map { Array($0.utf8) },
        ] {
            guard let jwk else { continue }
            for secret in TokenAlgorithm.ofSecrets {
                let text = Base64URL.encode(Array(#"{"alg":"\#(secret.rawValue)","kid":"k1"}"#.utf8))
                let signed = text + "." + Base64URL.encode(Array(#"{"sub":"u_1"}"#.utf8))
                let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: jwk))
                #expect(Self.reason(signed + "." + Base64URL.encode(Array(code)), key) == .algorithm)
            }
        }
    }

    /// One bit of any part makes it another token.
    @Test(arguments: [TokenAlgorithm.hs256, .rs256, .ps256, .es256, .es512, .edDSA])
    func aTokenWithOneOtherByteDoesNotCount(_ algorithm: TokenAlgorithm) async throws {
        let test = try await TestKey.make(algorithm)
        let key = try await test.key()
        let token = Array(try test.token(["sub": "u_1", "n": 12]).utf8)
        for index in token.indices where index % 3 == 0 {
            for other in [UInt8(ascii: "A"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "=")] {
                guard token[index] != other else { continue }
                var changed = token
                changed[index] = other
                #expect(Self.reason(String(decoding: changed, as: UTF8.self), key) != nil, "\(index)")
            }
        }
    }

    @Test(arguments: TokenAlgorithm.allCases)
    func signaturesOfOtherSizesAreNotThoseOfAKey(_ algorithm: TokenAlgorithm) async throws {
        let test = try await TestKey.make(algorithm)
        let key = try await test.key()
        let parts = try test.token(["sub": "u_1"]).split(separator: ".")
        for size in [0, 1, 31, 33, 63, 65, 95, 97, 131, 133, 255, 257, 1024] {
            let signature = Base64URL.encode([UInt8](repeating: 0, count: size))
            #expect(Self.reason("\(parts[0]).\(parts[1]).\(signature)", key) == .signature, "\(size)")
        }
    }

    /// SEC-21: a key that names no algorithm has one all the same, whatever the first token asks for.
    @Test func sec21AKeyWithoutAlgorithmIsNotDecidedByATokenBefore() async throws {
        let rsa = try await TestKey.make(.rs256, namesAlgorithm: false)
        let padded = try await TestKey.make(.ps256, namesAlgorithm: false)
        try await TokenStage.published([rsa]) { stage async throws in
            var garbage = try rsa.token(stage.claims(), header: ["alg": "PS256"])
            garbage.removeLast(8)
            #expect(await stage.reason(garbage + "AAAAAAAA") == .algorithm)
            #expect(await stage.reason(try padded.token(stage.claims())) == .algorithm)
            #expect(await stage.reason(try rsa.token(stage.claims())) == nil)
        }
    }

    /// SEC-22
    @Test func sec22AnUnknownKeyIsNotReplacedByAnother() async throws {
        let key = try await TestKey.make(.es256)
        try await TokenStage.published([key]) { stage async throws in
            #expect(await stage.reason(try key.token(stage.claims())) == nil)
            #expect(await stage.reason(try key.token(stage.claims(), header: ["kid": "k2"])) == .key)
            #expect(await stage.reason(try key.token(stage.claims(), header: ["kid": ""])) == .header)
            #expect(await stage.reason(try key.token(stage.claims(), header: ["kid": 1])) == .header)
            // An issuer with one key needs no name for it.
            #expect(await stage.reason(try key.token(stage.claims(), header: ["kid": .null])) == nil)
        }
    }

    @Test func whereThereAreSeveralKeysATokenNamesOne() async throws {
        let keys = [try await TestKey.make(.es256), try await TestKey.make(.edDSA, id: "k2")]
        try await TokenStage.published(keys) { stage async throws in
            for key in keys {
                #expect(await stage.reason(try key.token(stage.claims())) == nil)
                #expect(await stage.reason(try key.token(stage.claims(), header: ["kid": .null])) == .key)
            }
            #expect(await stage.reason(try keys[0].token(stage.claims(), header: ["kid": "k2"])) == .algorithm)
        }
    }

    /// SEC-23
    @Test func sec23AKeyIsThatOfOneIssuer() async throws {
        let (one, two) = (try await TestKey.make(.es256), try await TestKey.make(.es256))
        try await withFile(keySet([one])) { first async throws in
            try await withFile(keySet([two])) { second async throws in
                let configuration = TokenConfiguration(issuers: [
                    TokenIssuer(name: "a", audiences: ["here"], keys: .keySetFile(first)),
                    TokenIssuer(name: "b", audiences: ["here"], keys: .keySetFile(second)),
                ])
                try await TokenStage.with(configuration) { stage async throws in
                    #expect(await stage.reason(try one.token(stage.claims(["iss": "a"]))) == nil)
                    #expect(await stage.reason(try two.token(stage.claims(["iss": "b"]))) == nil)
                    #expect(await stage.reason(try one.token(stage.claims(["iss": "b"]))) == .signature)
                    #expect(await stage.reason(try two.token(stage.claims(["iss": "a"]))) == .signature)
                    for issuer in ["c", "", "A", .null, 1] as [JSONValue] {
                        #expect(await stage.reason(try one.token(stage.claims(["iss": issuer]))) == .claim)
                    }
                }
            }
        }
    }

    @Test(arguments: [["b64"], [], "b64", 1, .null] as [JSONValue])
    func sec24CriticalExtensionsAreRefused(_ extensions: JSONValue) async throws {
        let key = try await TestKey.make(.hs256)
        let header = JSONValue.object(["alg": "HS256", "kid": "k1", "crit": extensions, "b64": false]).encoded()
        #expect(
            Self.reason(try key.token(claims: Array(#"{"sub":"u_1"}"#.utf8), header: header), try await key.key())
                == .header)
    }

    @Test(
        arguments: [("JWT", true), ("jwt", true), ("at+jwt", true), ("JWE", false), ("", false), (1, false)]
            as [(JSONValue, Bool)])
    func typesOfOtherThingsAreRefused(_ type: JSONValue, _ isTaken: Bool) async throws {
        let key = try await TestKey.make(.hs256)
        let token = try key.token(["sub": "u_1"], header: ["typ": type])
        #expect(Self.reason(token, try await key.key()) == (isTaken ? nil : .header))
    }

    /// What a token says is read once its signature is known to be that of its key: whatever is wrong with the claims, a bad
    /// signature is what is told.
    @Test func sec27ClaimsAreReadAfterTheSignature() async throws {
        let (key, other) = (try await TestKey.make(.es256), try await TestKey.make(.es256))
        for claims in ["no JSON", #"{"sub":"a","sub":"b"}"#, "[]", ""] {
            let header = Array(#"{"alg":"ES256","kid":"k1"}"#.utf8)
            #expect(
                Self.reason(try other.token(claims: Array(claims.utf8), header: header), try await key.key())
                    == .signature)
            #expect(
                Self.reason(try key.token(claims: Array(claims.utf8), header: header), try await key.key()) == .form)
        }
    }
}
