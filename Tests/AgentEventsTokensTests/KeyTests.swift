import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsTokens

/// Where keys come from: SEC-10, SEC-11 and SEC-29.
@Suite(.timeLimit(.minutes(10)))
struct KeyTests {
    // MARK: An address

    /// Whatever a token says of keys and addresses, the one that is asked is that of the configuration.
    @Test func sec10NothingOfATokenChoosesWhereKeysComeFrom() async throws {
        let key = try await TestKey.make(.es256)
        let own = JSONValue.object(key.jwk ?? [:])
        try await TokenStage.published([key]) { stage async throws in
            let evil = "https://169.254.169.254/keys"
            for header in [
                ["jku": .string(evil)], ["x5u": .string(evil)], ["jwk": own], ["x5c": ["MIIB"]], ["kid": .string(evil)],
                ["kid": "../../etc/passwd"], ["kid": "k1' OR 1=1"], ["jku": 1, "jwk": 2, "x5u": [], "x5c": ""],
            ] as [JSONObject] {
                let reason = await stage.reason(try key.token(stage.claims(["iss": .string(evil)]), header: header))
                #expect(reason == (header.keys == ["kid"] ? .key : nil), "\(header)")
            }
            // A key of its own does not make a token count.
            let other = try await TestKey.make(.es256)
            #expect(
                await stage.reason(try other.token(stage.claims(), header: ["jwk": .object(other.jwk ?? [:])]))
                    == .signature)
            #expect(stage.issuer.urls == [TokenStage.url])
        }
    }

    @Test func sec11UnknownKeysAreAskedForOnceAMinute() async throws {
        let key = try await TestKey.make(.hs256, id: nil)
        try await TokenStage.published([try await TestKey.make(.es256)]) { stage async throws in
            for number in 0..<10_000 {
                let header: JSONObject = ["kid": .string("k\(number + 2)")]
                let token = try key.token(stage.claims(), header: header)
                #expect(await stage.reason(token) == .key)
            }
            #expect(stage.issuer.urls.count == 1)
            stage.clock.advance(by: .seconds(61))
            for number in 0..<100 {
                let token = try key.token(stage.claims(), header: ["kid": .string("k\(number + 2)")])
                #expect(await stage.reason(token) == .key)
            }
            #expect(stage.issuer.urls.count == 2)
        }
    }

    @Test func aNewKeyIsFoundAndOneThatIsGoneRevokesItsTokens() async throws {
        let (old, new) = (try await TestKey.make(.es256), try await TestKey.make(.rs256, id: "k2"))
        try await TokenStage.published([old], name: "i") { stage async throws in
            let first = try old.token(stage.claims(["iss": "i"]))
            #expect(await stage.reason(first) == nil)
            stage.issuer.publish(keySet([old, new]))
            let second = try new.token(stage.claims(["iss": "i"]))
            #expect(await stage.reason(second) == .key)
            stage.clock.advance(by: .seconds(60))
            #expect(await stage.reason(second) == nil)
            #expect(await stage.reason(first) == nil)
            // The token was checked before, and is kept: it ends with its key all the same.
            stage.issuer.publish(keySet([new]))
            try await stage.clock.waitForSleep(of: .seconds(600))
            stage.clock.advance(by: .seconds(600))
            try await stage.clock.waitForSleep(of: .seconds(600))
            #expect(stage.removed.all == ["i k1"])
            #expect(await stage.reason(first) == .key)
            #expect(await stage.reason(second) == nil)
        }
    }

    @Test func whileKeysAreFetchedTokensWaitForTwoSeconds() async throws {
        let key = try await TestKey.make(.es256)
        let configuration = TokenConfiguration(
            issuers: [TokenIssuer(audiences: ["here"], keys: .keySetURL(TokenStage.url))])
        try await TokenStage.with(configuration, [key], isHeld: true) { stage async throws in
            let token = try key.token(stage.claims())
            async let late = stage.code(token)
            try await stage.clock.waitForSleep(of: .seconds(2))
            stage.clock.advance(by: .seconds(2))
            #expect(await late == "auth.unavailable")
            async let inTime = (0..<50).concurrentCount { _ in await stage.code(token) == nil }
            try await stage.clock.waitForSleepers(50)
            stage.issuer.release()
            #expect(await inTime == 50)
            #expect(stage.issuer.urls.count == 1)
        }
    }

    @Test func anIssuerThatDoesNotAnswerMakesTokensUnavailable() async throws {
        let key = try await TestKey.make(.es256)
        try await TokenStage.published([key]) { stage async throws in
            #expect(await stage.code(try key.token(stage.claims())) == nil)
            stage.issuer.publish(nil)
            let later: JSONObject = ["exp": .integer(stage.now + 86_400)]
            let token = try key.token(stage.claims(later))
            #expect(await stage.code(token) == nil)
            let other = try key.token(stage.claims(later), header: ["kid": "k2"])
            #expect(await stage.code(other) == "auth.invalid")
            stage.clock.advance(by: .seconds(60))
            #expect(await stage.code(other) == "auth.unavailable")
            // What it had before still counts.
            #expect(await stage.code(token) == nil)
            stage.issuer.publish(Array("<html>not found</html>".utf8))
            stage.clock.advance(by: .seconds(60))
            #expect(await stage.code(other) == "auth.unavailable")
            #expect(await stage.code(token) == nil)
        }
    }

    @Test(
        arguments: [
            ("http://login.example.com/keys", ["here"]), ("ftp://x/keys", ["here"]), ("keys.json", ["here"]),
            ("", ["here"]),
            ("https://", ["here"]), ("https://login.example.com/keys", []),
        ] as [(String, Set<String>)])
    func addressesThatAreNotSafeAreRefused(url: String, audiences: Set<String>) async throws {
        let configuration = TokenConfiguration(issuers: [TokenIssuer(audiences: audiences, keys: .keySetURL(url))])
        await #expect(throws: TokenKeyError.self) { try await TokenStage.with(configuration) { _ in } }
    }

    // MARK: A set of keys

    @Test func eachKeyOfASetIsReadAlone() async throws {
        let good = try await TestKey.make(.es256)
        let rsa = try await TestKey.make(.rs256, id: "k2")
        let bad: [JSONObject] = [
            ["kty": "EC", "crv": "secp256k1", "kid": "a", "x": "AA", "y": "AA"],
            ["kty": "oct", "kid": "b", "k": "c2VjcmV0"],
            (good.jwk ?? [:]).replacing(["kid": .null]), (good.jwk ?? [:]).replacing(["kid": "c", "use": "enc"]),
            (good.jwk ?? [:]).replacing(["kid": "d", "key_ops": ["sign"]]),
            (good.jwk ?? [:]).replacing(["kid": "e", "d": "AAAA"]),
            (good.jwk ?? [:]).replacing(["kid": "f", "alg": "ES384"]),
            (good.jwk ?? [:]).replacing(["kid": "g", "x": "AAAA"]),
            (good.jwk ?? [:]).replacing(["kid": "h", "y": good.jwk?["x"] ?? .null]),
            (rsa.jwk ?? [:]).replacing(["kid": "i", "n": "AQAB"]),
            (rsa.jwk ?? [:]).replacing(["kid": "j", "e": "AQ"]),
            (rsa.jwk ?? [:]).replacing(["kid": "k", "alg": "RSA-OAEP"]),
            (rsa.jwk ?? [:]).replacing(["kid": "l", "alg": "HS256"]), (good.jwk ?? [:]).replacing(["kid": 1]),
            ["kid": "m"],
            (good.jwk ?? [:]), ["kty": "OKP", "crv": "X25519", "kid": "n", "x": "AAAA"],
        ]
        let list: [JSONValue] = [.object(good.jwk ?? [:])] + bad.map { .object($0) } + [1, .object(rsa.jwk ?? [:])]
        let set = try await KeySet(JSONValue.object(["keys": .array(list), "other": 1]).encoded(), issuer: nil)
        #expect(set.keys.map(\.name.id) == ["k1", "k2"])
        #expect(set.problems.count == bad.count + 1)
        for problem in set.problems { #expect(!problem.contains("c2VjcmV0")) }
        let taken = (good.jwk ?? [:]).replacing([
            "use": "sig", "key_ops": ["verify", "sign"], "x5c": ["x"], "later": [1],
        ])
        #expect(try await KeySet(JSONValue.object(["keys": [.object(taken)]]).encoded(), issuer: nil).keys.count == 1)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[],"keys":[]}"#,
        "{\"keys\":[\(String(repeating: "1,", count: 64))1]}",
    ])
    func whatIsNotASetIsRefused(_ text: String) async throws {
        await #expect(throws: TokenKeyError.self) { try await KeySet(Array(text.utf8), issuer: nil) }
    }

    @Test func aSetThatIsTooLargeIsRefused() async throws {
        let text = #"{"keys":[]}"# + String(repeating: " ", count: KeySet.maximumByteCount)
        await #expect(throws: TokenKeyError.self) { try await KeySet(Array(text.utf8), issuer: nil) }
    }

    @Test func aFileWithoutAKeyIsRefused() async throws {
        try await withFile(Array(#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.utf8)) { path async throws in
            let configuration = TokenConfiguration(issuers: [TokenIssuer(keys: .keySetFile(path))])
            let error = await #expect(throws: TokenKeyError.self) { try await TokenStage.with(configuration) { _ in } }
            #expect(error?.message.contains("shared secret") == true)
        }
    }

    // MARK: A secret

    /// Shorter than the hash it is guessed, and where others may read it, it is not one.
    @Test(arguments: [(TokenAlgorithm.hs256, 32), (.hs384, 48), (.hs512, 64)])
    func sec29SecretsAreLongEnoughAndTheirOwnersAlone(_ algorithm: TokenAlgorithm, _ byteCount: Int) async throws {
        for (count, mode, isTaken) in [
            (byteCount, 0o600, true), (byteCount, 0o400, true), (byteCount - 1, 0o600, false), (0, 0o600, false),
            (byteCount, 0o640, false), (byteCount, 0o604, false), (byteCount, 0o644, false), (byteCount, 0o620, false),
        ] {
            // The line end is not part of it.
            try await withFile([UInt8](repeating: 7, count: count) + [0x0D, 0x0A], mode: mode) { path async throws in
                let configuration = TokenConfiguration(issuers: [TokenIssuer(keys: .secretFile(path, algorithm))])
                if isTaken {
                    try await TokenStage.with(configuration) { _ in }
                } else {
                    await #expect(throws: TokenKeyError.self, "\(count) \(mode)") {
                        try await TokenStage.with(configuration) { _ in }
                    }
                }
            }
        }
        let missing = TokenConfiguration(issuers: [TokenIssuer(keys: .secretFile("/nowhere", algorithm))])
        await #expect(throws: TokenKeyError.self) { try await TokenStage.with(missing) { _ in } }
        let folder = TokenConfiguration(issuers: [TokenIssuer(keys: .secretFile("/tmp", algorithm))])
        await #expect(throws: TokenKeyError.self) { try await TokenStage.with(folder) { _ in } }
    }

    @Test func aSecretIsNoPublicKey() async throws {
        await #expect(throws: TokenKeyError.self) {
            try await TokenKey.secret(
                [UInt8](repeating: 7, count: 64), algorithm: .rs256, name: .init(issuer: nil, id: nil))
        }
    }

    // MARK: Kept tokens

    @Test func keptTokensAreBoundedAndGoWithTheirKeys() async throws {
        let key = try await TestKey.make(.hs256)
        let claims = try TokenClaims(
            VerifiedToken(try TokenParser.parse(try key.token(["sub": "u_1"])), signedBy: try await key.key()))
        let entry = VerifiedTokenCache.Entry(claims: claims, key: .init(issuer: nil, id: "k1"), issuer: 0)
        var cache = VerifiedTokenCache()
        for number in 0..<(VerifiedTokenCache.maximumCount + 10) {
            cache.keep(entry, for: Array("\(number)".utf8), epoch: 0)
        }
        #expect(cache.count == VerifiedTokenCache.maximumCount)
        #expect(cache.find(Array("9".utf8)) == nil)
        #expect(cache.find(Array("10".utf8)) == entry)
        cache.drop(Array("10".utf8))
        #expect(cache.find(Array("10".utf8)) == nil)
        cache.removeAll()
        #expect(cache.count == 0)
        // Checked with a key that is gone meanwhile.
        cache.keep(entry, for: [1], epoch: 0)
        #expect(cache.find([1]) == nil)
    }
}
